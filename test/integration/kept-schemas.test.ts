/** Schema ids are kept in PostgreSQL (P14): a registry that is away or was emptied stops nobody, and changes what no record means. */
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { complete, readNamed } from "../../local/addresses.ts";
import { createKafkaAppender } from "../../src/log/kafka/appender.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { commandSchemas } from "../../src/schemas/command-schemas.ts";
import { createRegistrySource } from "../../src/schemas/registry.ts";
import { onServer } from "../support/databases.ts";
import { rawOrder } from "../support/raw-order.ts";
import { startRegistryFront } from "../support/registry-front.ts";
import type { RegistryFront } from "../support/registry-front.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";
import { connection, logger } from "./log-helpers.ts";

const patience = { timeout: 30_000, interval: 100 };
const realUrl = process.env.SCHEMA_REGISTRY_URL ?? "";
const productId = "kept";
const orderSchema = commandSchemas.find(({ commandType }) => commandType === "PlaceOrder")?.text ?? "";
const warning = "the schema registry does not know a schema that records on the log carry";

let front: RegistryFront;
let tallyman: Tallyman;
let logs: string;
/** Our own schema's id, and that of another producer's, which has a field more. */
let ids: { own: number; foreign: number };

beforeAll(async () => {
  logs = await mkdtemp(path.join(tmpdir(), "kept-schemas-"));
  front = await startRegistryFront(realUrl);
  const addresses = complete(readNamed(process.env));
  if (addresses === undefined) throw new Error("the four services must be named; npm test does");
  tallyman = await createTallyman({ logs, addresses: { ...addresses, schemaRegistryUrl: front.url } });
  ids = { own: await createRegistrySource({ url: realUrl }).register(orderSchema), foreign: await registerForeign() };
});
afterAll(async () => {
  await tallyman[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
  await rm(logs, { recursive: true });
});

/** Under a subject of its own: what decides whose record it is, is its name. */
async function registerForeign(): Promise<number> {
  const schema = JSON.parse(orderSchema) as { fields: object[] };
  schema.fields.push({ name: "channel", type: ["null", "string"], default: null });
  const response = await fetch(`${realUrl}/subjects/test-${randomUUID()}/versions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  });
  return ((await response.json()) as { id: number }).id;
}

/** An order of each schema, straight onto the log. Returns their ids. */
async function appendBoth(): Promise<string[]> {
  const appender = createKafkaAppender({ connection, topic: tallyman.topic, logger });
  const [own, foreign] = [randomUUID(), randomUUID()];
  const channel = Buffer.from([2, 2, 0x61]); // The second branch, and a text of one character.
  const values = [
    rawOrder(ids.own, { commandId: own, productId }),
    Buffer.concat([rawOrder(ids.foreign, { commandId: foreign, productId }), channel]),
  ];
  await appender.append(values.map((value) => ({ partition: partitionOf(productId, 12), key: productId, value })));
  await appender.close();
  return [own, foreign];
}

async function rows(sql: string): Promise<object[]> {
  return onServer(tallyman.databaseUrl, async (client) => (await client.query<object>(sql)).rows);
}

async function untilDecided(commandIds: readonly string[]): Promise<void> {
  const wanted = commandIds.map((id) => `'${id}'`).join();
  await expect
    .poll(() => rows(`select from ledger where command_id in (${wanted})`), patience)
    .toHaveLength(commandIds.length);
  expect(await rows(`select reason from dead_letters`)).toEqual([]);
}

async function warnings(): Promise<number[]> {
  const texts = await Promise.all((await readdir(logs)).map((file) => readFile(path.join(logs, file), "utf8")));
  return texts
    .flatMap((text) => text.split("\n"))
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { msg: string; level: number; schemaId?: number })
    .filter(({ msg, level }) => level === 40 && msg.startsWith(warning))
    .map(({ schemaId = -1 }) => schemaId);
}

async function order(api: Role): Promise<number> {
  const response = await fetch(`${api.url}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "wait=10" },
    body: JSON.stringify({ productId, quantity: 1 }),
  });
  await response.text();
  return response.status;
}

it("a processor and an api that have seen the registry once need it no more", async () => {
  const [api, processor] = await Promise.all([tallyman.startApi(), tallyman.startProcessor()]);
  const product = { id: productId, name: "Kept", category: "test", priceCents: 1, initialStock: 1_000 };
  const made = await fetch(`${api.url}/products`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "wait=10" },
    body: JSON.stringify(product),
  });
  expect(made.status).toBe(201);
  await untilDecided(await appendBoth());
  await Promise.all([api.stop(), processor.stop()]);

  front.set({ is: "away" });
  const left = await appendBoth();
  const [nextApi, next] = await Promise.all([tallyman.startApi(), tallyman.startProcessor()]);
  await untilDecided(left);
  expect(await order(nextApi)).toBe(201);
  const report = (await (await fetch(`${next.url}/readyz`)).json()) as {
    dependencies: { name: string; state: string }[];
  };
  expect(report.dependencies).toContainEqual(expect.objectContaining({ name: "schema_registry", state: "down" }));
  await Promise.all([nextApi.stop(), next.stop()]);
  expect(await warnings()).toEqual([]);
});

it.each([
  ["does not know our ids", 1_000_000],
  ["has other schemas under our ids", undefined],
])(
  "a registry that was emptied, and %s: what is on the log means what it meant, and a warning says so",
  async (_, nextId) => {
    const before = (await warnings()).length;
    front.set({ is: "emptied", nextId: nextId ?? ids.own });
    if (nextId === undefined) await registerAtFront();
    const left = await appendBoth();
    const [api, processor] = await Promise.all([tallyman.startApi(), tallyman.startProcessor()]);
    await untilDecided(left);
    expect(await order(api)).toBe(201);
    await expect.poll(async () => (await warnings()).slice(before), patience).toContain(ids.own);
    await Promise.all([api.stop(), processor.stop()]);
  },
);

/** Another team's schema, which was there first after the registry had been emptied: it gets the id of our orders. */
async function registerAtFront(): Promise<void> {
  const schema = JSON.stringify({ type: "record", name: "Other", fields: [{ name: "f", type: "int" }] });
  const response = await fetch(`${front.url}/subjects/other/versions`, {
    method: "POST",
    body: JSON.stringify({ schema }),
  });
  expect(await response.json()).toEqual({ id: ids.own });
}

it("a registry that gives a schema of ours an id that another has on the log stops the start, with code 3", async () => {
  await rows(`delete from avro_schemas where schema like '%ResumeProduct%'`);
  front.set({ is: "emptied", nextId: ids.own });
  for (const start of [() => tallyman.startProcessor(), () => tallyman.startApi()]) {
    await expect(start()).rejects.toThrow(
      `it ended with 3: Tallyman can't start: The schema registry gave ResumeProduct the id ${ids.own}, which another schema has on the log.`,
    );
  }
  front.set({ is: "there" });
  const [api, processor] = await Promise.all([tallyman.startApi(), tallyman.startProcessor()]);
  expect(await order(api)).toBe(201);
  await Promise.all([api.stop(), processor.stop()]);
  await tallyman.audit("at-rest");
});
