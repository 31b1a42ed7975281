/** Producers in other languages write orders to the topic by themselves: examples/producers, as docs/producing.md shows them. */
import { execFileSync, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildMavenProject } from "../../local/maven-project.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Tallyman } from "../support/tallyman.ts";

const root = path.resolve(import.meta.dirname, "../..");
const examples = path.join(root, "examples/producers");
const python = path.join(root, ".local/python/bin/python");
const units = 50;
/** What a schema has no objection to, and the rules of a command have. */
const badProduct = "not a product";

/** A virtual environment needs Python with venv; where there is none, this test says that it is skipped. */
const hasPython = spawnSync("python3", ["-c", "import venv, ensurepip"]).status === 0;
/** The Go that examples/producers/go/go.mod asks for; where there is none, this test says that it is skipped. */
const goMinor = Number(/go1\.(\d+)/.exec(String(spawnSync("go", ["version"]).stdout))?.[1]);
const hasGo = goMinor >= 26;
/** Maven and Go fetch what they need the first time. */
const buildLimitMs = 10 * 60_000;

let tallyman: Tallyman;
let url: string;
let partitionCount: number;
beforeAll(async () => {
  tallyman = await createTallyman();
  const [api] = await Promise.all([tallyman.startApi(), tallyman.startProcessor()]);
  url = api.url;
  partitionCount = Number(tallyman.environment.ORDERS_PARTITIONS ?? 12);
});
afterAll(() => tallyman[Symbol.asyncDispose]());

type Order = { readonly orderId: string; readonly productId: string; readonly quantity: number };
type Place = { readonly orderId: string; readonly partition: number; readonly offset: number };
/** Runs a producer with these arguments on the services of the test, and feeds it with the input. */
type Producer = (services: readonly string[], input: string) => string;

async function stock(productId: string, initialStock = units): Promise<void> {
  const body = JSON.stringify({ id: productId, name: productId, category: "c", priceCents: 100, initialStock });
  const headers = { "content-type": "application/json", prefer: "wait=20" };
  expect((await fetch(`${url}/products`, { method: "POST", headers, body })).status).toBe(201);
}

function place(producer: Producer, orders: readonly Order[]): Place[] {
  const { KAFKA_BROKERS = "", SCHEMA_REGISTRY_URL = "" } = tallyman.environment;
  const input = orders.map((order) => `${JSON.stringify({ ...order, unitPriceCents: 100 })}\n`).join("");
  const out = producer([KAFKA_BROKERS, SCHEMA_REGISTRY_URL, tallyman.topic], input);
  const places = out.trim().split("\n");
  return places.map((line) => JSON.parse(line) as Place);
}

/** Every other product has 1 unit too few for its second order. Had the first one counted twice, it would have far too few. */
async function check(language: string, producer: Producer): Promise<void> {
  const products = Array.from({ length: 8 }, (_, index) => `${language}-${index}`);
  for (const productId of products) await stock(productId);
  const orderOf = (productId: string, quantity: number): Order => ({ orderId: randomUUID(), productId, quantity });
  const orders = [
    ...products.map((productId) => orderOf(productId, 10)),
    orderOf(badProduct, 1),
    ...products.map((productId, index) => orderOf(productId, 40 + (index % 2))),
  ];
  const places = place(producer, orders);
  expect(places.map(({ orderId }) => orderId)).toEqual(orders.map(({ orderId }) => orderId));
  for (const [index, { partition }] of places.entries())
    expect(partition).toBe(partitionOf(orders[index]?.productId ?? "", partitionCount));

  const again = place(producer, orders); // The same ids count once.
  // Behind all of it: what is decided of this one is decided of all that its product's partition had before.
  const last = products.map((productId) => orderOf(productId, units + 1));
  place(producer, last);
  for (const { orderId } of last) expect(await statusOf(orderId)).toBe("rejected");

  const isRefused = (index: number) => index > products.length && (index - products.length - 1) % 2 === 1;
  for (const [index, { orderId, productId }] of orders.entries()) {
    if (productId !== badProduct)
      expect([index, await statusOf(orderId)]).toEqual([index, isRefused(index) ? "rejected" : "accepted"]);
  }
  for (const [index, id] of products.entries()) {
    const product = (await (await fetch(`${url}/products/${id}`)).json()) as { readonly quantity: number };
    expect([id, product.quantity]).toEqual([id, index % 2 === 0 ? 0 : 40]);
  }
  // A record that is no command is kept, each time that it comes, and held up nobody.
  const bad = [places, again].flatMap((all) => all.filter((_, index) => orders[index]?.productId === badProduct));
  for (const { partition, offset } of bad) {
    const shown = async () => (await tallyman.run("dlq", "show", `${partition}:${offset}`, "--json")).stdout;
    await expect.poll(shown, { timeout: 30_000 }).toContain("invalid_product_id");
  }
  expect(bad).toHaveLength(2);
}

async function statusOf(orderId: string): Promise<unknown> {
  const answer = await fetch(`${url}/orders/${orderId}?wait=20`);
  return ((await answer.json()) as { readonly status?: unknown }).status;
}

const runs = (command: string, args: readonly string[], input: string): string =>
  execFileSync(command, args, { input, encoding: "utf8", timeout: 60_000 });

test.skipIf(!hasPython)("Python, with kafka-python and fastavro", async () => {
  if (!existsSync(python)) {
    mkdirSync(path.dirname(path.dirname(python)), { recursive: true });
    execFileSync("python3", ["-m", "venv", path.dirname(path.dirname(python))]);
  }
  execFileSync(python, ["-m", "pip", "install", "--quiet", "-r", path.join(examples, "requirements.txt")]);
  await check("python", (services, input) =>
    runs(python, [path.join(examples, "place_orders.py"), ...services], input),
  );
});

const ordersPacked = 3_000;

/** As an installation has it that is told to pack: batches that are big. */
async function checkPacked(language: string, packing: string, producer: Producer): Promise<void> {
  const productId = `${language}-${packing}`;
  await stock(productId, ordersPacked);
  const orders = Array.from({ length: ordersPacked }, () => ({ orderId: randomUUID(), productId, quantity: 1 }));
  place(producer, orders);
  expect(await statusOf(orders.at(-1)?.orderId ?? "")).toBe("accepted");
  const product = (await (await fetch(`${url}/products/${productId}`)).json()) as { readonly quantity: number };
  expect(product.quantity).toBe(0);
}

describe("Java, with its own client and Avro", () => {
  let run: (settings: readonly string[]) => Producer;
  beforeAll(async () => {
    const { java, classPath } = await buildMavenProject(path.join(examples, "java"), "place-orders");
    const program = ["-cp", classPath, "tallyman.examples.PlaceOrders"];
    run = (settings) => (services, input) => runs(java, [...program, ...services, ...settings], input);
  }, buildLimitMs);

  test("one by one", () => check("java", run([])));

  test.each(["gzip", "snappy", "lz4", "zstd"])("packed by %s", (packing) =>
    checkPacked("java", packing, run([`compression.type=${packing}`, "linger.ms=500", "batch.size=900000"])),
  );
});

test.skipIf(!hasGo)("Go, with franz-go and hamba/avro", { timeout: buildLimitMs }, async () => {
  const program = path.join(root, ".local/go/place-orders");
  const env = { ...process.env, GOTOOLCHAIN: "local" };
  execFileSync("go", ["build", "-o", program, "."], { cwd: path.join(examples, "go"), env });
  await check("go", (services, input) => runs(program, services, input));
});
