/** Producers in other languages write orders to the topic by themselves: examples/producers, as docs/producing.md shows them. */
import { execFileSync, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Tallyman } from "../support/tallyman.ts";

const root = path.resolve(import.meta.dirname, "../..");
const examples = path.join(root, "examples/producers");
const python = path.join(root, ".local/python/bin/python");
const units = 50;
const products = Array.from({ length: 8 }, (_, index) => `foreign-${index}`);

/** A virtual environment needs Python with venv; where there is none, this test says that it is skipped. */
const hasPython = spawnSync("python3", ["-c", "import venv, ensurepip"]).status === 0;

let tallyman: Tallyman;
let url: string;
let partitionCount: number;
beforeAll(async () => {
  tallyman = await createTallyman();
  const [api] = await Promise.all([tallyman.startApi(), tallyman.startProcessor()]);
  url = api.url;
  for (const id of products) {
    const body = JSON.stringify({ id, name: id, category: "c", priceCents: 100, initialStock: units });
    const headers = { "content-type": "application/json", prefer: "wait=20" };
    expect((await fetch(`${url}/products`, { method: "POST", headers, body })).status).toBe(201);
  }
  partitionCount = Number(tallyman.environment.ORDERS_PARTITIONS ?? 12);
});
afterAll(() => tallyman[Symbol.asyncDispose]());

type Order = { readonly orderId: string; readonly productId: string; readonly quantity: number };
type Place = { readonly orderId: string; readonly partition: number; readonly offset: number };

/** Two of each product, the second of which is refused where the first one took all but one unit. */
const newOrders = (): Order[] =>
  products.flatMap((productId, index) =>
    [units - (index % 2), 1].map((quantity) => ({ orderId: randomUUID(), productId, quantity })),
  );

async function check(place: (input: string) => Place[]): Promise<void> {
  const orders = newOrders();
  const input = orders.map((order) => `${JSON.stringify({ ...order, unitPriceCents: 100 })}\n`).join("");
  const places = place(input);
  expect(places.map(({ orderId }) => orderId)).toEqual(orders.map(({ orderId }) => orderId));
  for (const [index, { partition }] of places.entries())
    expect(partition).toBe(partitionOf(orders[index]?.productId ?? "", partitionCount));
  place(input); // Again: the same ids count once.
  for (const [index, { orderId }] of orders.entries()) {
    const answer = await fetch(`${url}/orders/${orderId}?wait=20`);
    const isFirst = index % 2 === 0;
    const hasOneLeft = Math.floor(index / 2) % 2 === 1;
    expect(await answer.json()).toMatchObject({ status: isFirst || hasOneLeft ? "accepted" : "rejected" });
  }
  for (const id of products) {
    const product = (await (await fetch(`${url}/products/${id}`)).json()) as { readonly quantity: number };
    expect([id, product.quantity]).toEqual([id, 0]);
  }
}

test.skipIf(!hasPython)("Python, with kafka-python and fastavro", async () => {
  if (!existsSync(python)) {
    mkdirSync(path.dirname(path.dirname(python)), { recursive: true });
    execFileSync("python3", ["-m", "venv", path.dirname(path.dirname(python))]);
  }
  execFileSync(python, ["-m", "pip", "install", "--quiet", "-r", path.join(examples, "requirements.txt")]);
  const { KAFKA_BROKERS = "", SCHEMA_REGISTRY_URL = "" } = tallyman.environment;
  await check((input) => {
    const args = [path.join(examples, "place_orders.py"), KAFKA_BROKERS, SCHEMA_REGISTRY_URL, tallyman.topic];
    const out = execFileSync(python, args, { input, encoding: "utf8", timeout: 60_000 });
    return out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Place);
  });
});
