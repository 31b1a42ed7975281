/** What `npm pack` makes, installed where nothing else is: plain JavaScript with types, on any Node from 22 on. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const run = promisify(execFile);
const program = `
import { createClient, type OrderResult } from "tallyman/client";
import { simulateTallyman } from "tallyman/testing";

const shop = simulateTallyman({ seed: 1, products: { chair: 5 }, faults: "none" });
const { fetch, sleep, timeout, random, uuid, url } = shop;
const client = createClient({ fetch, sleep, timeout, random, uuid, url });
const results: OrderResult[] = [];
await shop.run(async () => {
  const orders = [2, 2, 2].map((quantity) => ({ productId: "chair", quantity }));
  for await (const result of client.placeMany(orders, { waitSeconds: 5 })) results.push(result);
});
await shop.settle();
shop.check();
console.log(JSON.stringify([results.map(({ status }) => status), shop.stock("chair")]));
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "package-"));
  await mkdir(path.join(folder, "app"));
  await run("npm", ["pack", "--pack-destination", folder], { cwd: root });
}, 180_000);
afterAll(() => rm(folder, { recursive: true }));

test("the package installs, has types, and runs", async () => {
  const [tarball = ""] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  const app = path.join(folder, "app");
  await writeFile(path.join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  await writeFile(path.join(app, "shop.ts"), program);
  const options = { module: "nodenext", target: "es2022", strict: true, skipLibCheck: true, types: [] };
  await writeFile(path.join(app, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["shop.ts"] }));
  await run("npm", ["install", "--no-audit", "--no-fund", path.join(folder, tarball)], { cwd: app });
  await run(process.execPath, [path.join(root, "node_modules/typescript/bin/tsc"), "-p", app]);
  const { stdout } = await run(process.execPath, ["shop.js"], { cwd: app });
  expect(JSON.parse(stdout)).toEqual([["accepted", "accepted", "rejected"], 1]);
}, 180_000);
