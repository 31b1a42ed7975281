// npm run demo, on real services: the grocery is filled, orders reach the door, and the second demo goes on where the first was ended.
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../local/paths.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";

const patience = { timeout: 90_000, interval: 200 };
const usual = ["--products", "120", "--drivers", "8", "--customers", "12", "--pace", "30"];

type Demo = { output(): string; stop(): Promise<number | null> };

describe("npm run demo", () => {
  let tallyman: Tallyman;
  let both: Role;
  const demos = new Set<{ kill(): void }>();
  beforeAll(async () => {
    tallyman = await createTallyman();
    both = await tallyman.startBoth();
  });
  afterAll(async () => {
    for (const demo of demos) demo.kill();
    await tallyman[Symbol.asyncDispose]();
  });

  const start = (...args: string[]): Demo => {
    const program = path.join(root, "local/demo.ts");
    const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const demo = { kill: () => void child.kill("SIGKILL") };
    demos.add(demo);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const exited = once(child, "exit").then(() => demos.delete(demo));
    return {
      output: () => output,
      stop: async () => {
        child.kill("SIGINT");
        await exited;
        return child.exitCode;
      },
    };
  };
  const get = async (what: string): Promise<Record<string, unknown>> =>
    (await (await fetch(both.url + what)).json()) as Record<string, unknown>;
  const delivered = async (): Promise<number> => {
    const { orders } = (await get("/orders?status=accepted&limit=200")) as { orders: { fulfilment: string | null }[] };
    return orders.filter(({ fulfilment }) => fulfilment === "delivered").length;
  };

  test("orders are packed, driven and delivered; a second demo goes on, and imports nothing anew", async () => {
    const first = start("--url", both.url, ...usual);
    await expect.poll(delivered, patience).toBeGreaterThan(2);
    expect(first.output()).toContain("120 products in 12 categories, 120 of them new.");
    expect(first.output()).toContain(`The shop is open: ${both.url}/shop`);
    expect(await first.stop()).toBe(0);
    expect(first.output()).toMatch(
      /\d+ orders \(\d+ refused, \d+ cancelled\), \d+ packed, \d+ on their way, \d+ delivered/,
    );
    const { drivers } = (await get("/drivers/nearest?near=48.1372,11.5756")) as { drivers: unknown[] };
    expect(drivers.length).toBeLessThanOrEqual(8);

    const before = await delivered();
    const second = start("--url", both.url, ...usual);
    await expect.poll(delivered, patience).toBeGreaterThan(before + 2);
    expect(second.output()).toContain("120 products in 12 categories, 0 of them new.");
    expect(await second.stop()).toBe(0);
    const { products } = (await get("/products?limit=1")) as { products: { imageUrl: string }[] };
    const picture = await fetch(products[0]?.imageUrl ?? "");
    expect([picture.status, picture.headers.get("content-type")]).toEqual([200, "image/svg+xml"]);
  });

  test.each([
    [["--drivers", "none"], '--drivers is "none"; it must be a whole number from 1 to 2000.'],
    [["--url", "ftp://x"], '--url is "ftp://x"; it must be an address such as http://127.0.0.1:8080.'],
    [["--horses", "3"], "Options: --url ADDRESS, --customers N (24)"],
  ])("what it does not understand, it says: %j", async (args, said) => {
    const demo = start(...args);
    await expect.poll(() => demo.output(), patience).toContain(said);
  });
});
