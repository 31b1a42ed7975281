/**
 * Records of other producers, straight onto the topic, among good orders: each is kept as it was sent, and holds up nobody.
 * First one at a time, then all of them in a heap, while the processor is killed and another takes over.
 */
import { randomUUID } from "node:crypto";
import kafkajs from "kafkajs";
import type { Producer } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { commandSchemas } from "../../src/schemas/command-schemas.ts";
import { createRegistrySource } from "../../src/schemas/registry.ts";
import type { Role } from "../support/tallyman.ts";
import { cancelOrder, placeOrder, receiveStock } from "../support/commands.ts";
import { rawOrder } from "../support/raw-order.ts";
import { createAuditWorld } from "./audit-world.ts";
import type { AuditWorld } from "./audit-world.ts";
import { cases } from "./foreign-cases.ts";
import type { ForeignRecord, Ids } from "./foreign-cases.ts";
import { connection, Reader, until, withAdmin } from "./log-helpers.ts";

const partitionCount = 12;
const mine = "foreign";
const partition = partitionOf(mine, partitionCount);
/** A product of the next partition. */
const neighbour = productOf((partition + 1) % partitionCount);
const messageBytesMax = 12 * 1024 * 1024;

type Sent = ForeignRecord & { readonly partition: number; readonly offset: number; readonly reason: string };

let world: AuditWorld;
let producer: Producer;
let transactional: Producer;
let processor: Role;
let ids: Ids;
/** Every record that must be kept, as it was sent. */
const sent: Sent[] = [];
const goodOrders: string[] = [];

beforeAll(async () => {
  world = await createAuditWorld();
  processor = world.processor;
  await withAdmin(async (admin) => {
    const configEntries = [
      { name: "max.message.bytes", value: String(messageBytesMax) },
      { name: "retention.ms", value: "-1" },
    ];
    const { topic: name } = world.tallyman;
    const type = kafkajs.ConfigResourceTypes.TOPIC;
    await admin.alterConfigs({ validateOnly: false, resources: [{ type, name, configEntries }] });
  });
  const kafka = new kafkajs.Kafka({ ...connection, logLevel: kafkajs.logLevel.NOTHING });
  producer = kafka.producer();
  transactional = kafka.producer({ transactionalId: randomUUID(), maxInFlightRequests: 1, idempotent: true });
  await Promise.all([producer.connect(), transactional.connect()]);
  ids = await registerForeignSchemas();
  for (const id of [mine, neighbour]) {
    const product = { id, name: id, category: "test", priceCents: 250, initialStock: 100_000 };
    expect((await world.post("/products", product)).status).toBe(201);
  }
});
afterAll(async () => {
  await Promise.all([producer.disconnect(), transactional.disconnect()]);
  await world.close();
});

function productOf(wanted: number): string {
  for (let n = 0; ; n += 1) if (partitionOf(`neighbour-${n}`, partitionCount) === wanted) return `neighbour-${n}`;
}

async function registerForeignSchemas(): Promise<Ids> {
  const name = `T${randomUUID().replaceAll("-", "")}`;
  const record = (own: string, fields: object[]) => ({ type: "record", name: own, namespace: "tallyman.test", fields });
  const jsonSchema = { $schema: "http://json-schema.org/draft-07/schema#", title: name, type: "object" };
  // Java's Avro takes a default of any branch of a union; avsc wants the first one's.
  const odd = record(`${name}Odd`, [{ name: "f", type: ["null", "int"], default: 1 }]);
  const order = commandSchemas.find(({ commandType }) => commandType === "PlaceOrder")?.text ?? "";
  return {
    order: await createRegistrySource({ url: registryUrl() }).register(order),
    noCommand: await register(name, "AVRO", record(name, [{ name: "f", type: "int" }])),
    notAvro: await register(`${name}Json`, "JSON", jsonSchema),
    odd: await register(`${name}Odd`, "AVRO", odd),
  };
}

function registryUrl(): string {
  return process.env.SCHEMA_REGISTRY_URL ?? "";
}

async function register(subject: string, schemaType: string, schema: object): Promise<number> {
  const response = await fetch(`${registryUrl()}/subjects/${subject}/versions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ schemaType, schema: JSON.stringify(schema) }),
  });
  const { id } = (await response.json()) as { id?: number };
  if (id === undefined) throw new Error(`the registry refused ${subject}: ${response.status}`);
  return id;
}

async function send(records: readonly (ForeignRecord & { partition: number })[]): Promise<number[]> {
  const next = new Map<number, number>();
  const messages = records.map(({ headers, ...record }) => ({
    ...record,
    ...(headers === undefined ? {} : { headers }),
  }));
  const acks = await producer.send({ topic: world.tallyman.topic, acks: -1, messages });
  for (const { partition: at, baseOffset } of acks) next.set(at, Number(baseOffset));
  return records.map(({ partition: at }) => {
    const offset = next.get(at);
    if (offset === undefined) throw new Error(`partition ${at} did not acknowledge`);
    next.set(at, offset + 1);
    return offset;
  });
}

function goodOrder(productId: string) {
  const commandId = randomUUID();
  goodOrders.push(commandId);
  return placeOrder({ commandId, productId });
}

/** The status with which orders behind the record, in its partition and beside it, are answered. */
async function ordersBehind(): Promise<number[]> {
  const place = async (productId: string): Promise<number> => {
    const orderId = randomUUID();
    const response = await world.post("/orders", { orderId, productId, quantity: 1 });
    goodOrders.push(orderId);
    await response.text();
    return response.status;
  };
  return Promise.all([place(mine), place(neighbour)]);
}

type Row = { offset: number; reason: string; kind: string; key: string | null; value: string | null; bytes: number };

async function keptAt({
  partition: at,
  offset,
}: Pick<Sent, "partition" | "offset">): Promise<(Row & { headers: object })[]> {
  const rows = await world.sql(
    `select "offset"::int4, kind, reason, encode(record_key, 'hex') as key, md5(record_value) as value,
            value_bytes::int4 as bytes, headers from dead_letters where "partition" = ${at} and "offset" = ${offset}`,
  );
  return rows as (Row & { headers: object })[];
}

/** Header names and values as rows keep them. */
function headersOf(headers: ForeignRecord["headers"] = {}): object {
  const base64 = (bytes: string | Buffer): string => Buffer.from(bytes).toString("base64");
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [base64(name), [value ?? ""].flat().map(base64).join(",")]),
  );
}

async function md5Of(value: Buffer | null): Promise<string | null> {
  if (value === null) return null;
  const { createHash } = await import("node:crypto");
  return createHash("md5").update(value).digest("hex");
}

async function lineOf(commandId: string): Promise<object | undefined> {
  const rows = await world.sql(
    `select type, product_id, quantity, status, reason, delta from ledger where command_id = '${commandId}'`,
  );
  return rows[0];
}

describe("a record that can't be decided", () => {
  it.each(cases)("$what: kept as $reason, and nobody waits for it", async ({ reason, make }) => {
    await world.append([goodOrder(mine), goodOrder(neighbour)]);
    const record = { ...make(ids, mine, randomUUID()), partition };
    const [offset = -1] = await send([record]);
    sent.push({ ...record, offset, reason });

    expect(await ordersBehind()).toEqual([201, 201]);
    const value = await md5Of(record.value);
    const row = { offset, kind: "undecodable", reason, key: record.key?.toString("hex") ?? null, value };
    expect(await keptAt({ partition, offset })).toEqual([
      { ...row, bytes: record.value?.length ?? 0, headers: headersOf(record.headers) },
    ]);
  });

  it("is counted", async () => {
    const metrics = await (await fetch(`${processor.url}/metrics`)).text();
    expect(metrics).toContain(`tallyman_dead_letters_total{kind="undecodable"} ${sent.length}\n`);
  });
});

describe("a record that can be decided", () => {
  it.each([-(2n ** 31n), -1n, 0n, 2n ** 31n - 1n])("a quantity of %i is refused, with a reason", async (quantity) => {
    const commandId = randomUUID();
    const value = rawOrder(ids.order, { commandId, productId: mine, quantity });
    await send([{ key: Buffer.from(mine), value, partition }]);
    expect(await ordersBehind()).toEqual([201, 201]);
    const refused = { status: "rejected", reason: "quantity_out_of_range", delta: 0, quantity: Number(quantity) };
    expect(await lineOf(commandId)).toMatchObject(refused);
  });

  it("text with the character that stands for what can't be read is a text", async () => {
    const commandId = randomUUID();
    const value = rawOrder(ids.order, { commandId, productId: mine, customerId: "a\uFFFDb" });
    await send([{ key: Buffer.from(mine), value, partition }]);
    expect(await ordersBehind()).toEqual([201, 201]);
    expect(await lineOf(commandId)).toMatchObject({ status: "accepted" });
  });

  it("an id that another product has, or another command: the first one stands, and nothing is booked", async () => {
    const commandId = randomUUID();
    const first = placeOrder({ commandId, productId: mine, quantity: 2 });
    await world.append([first]);
    expect(await ordersBehind()).toEqual([201, 201]);
    await world.append([
      placeOrder({ commandId, productId: neighbour, quantity: 5 }),
      receiveStock({ commandId, productId: mine, quantity: 700 }),
      receiveStock({ commandId, productId: neighbour, quantity: 700 }),
      cancelOrder({ commandId, productId: mine, orderId: randomUUID() }),
    ]);
    expect(await ordersBehind()).toEqual([201, 201]);
    expect(await lineOf(commandId)).toMatchObject({ type: "PlaceOrder", product_id: mine, quantity: 2, delta: -2 });
    const again = await world.post("/orders", { orderId: commandId, productId: mine, quantity: 2 });
    expect([again.status, await again.json()]).toMatchObject([201, { orderId: commandId, status: "accepted" }]);
  });

  it("of a transaction: decided when it is committed, never when it is rolled back; markers are passed", async () => {
    const topic = world.tallyman.topic;
    const committed: string[] = [];
    const aborted: string[] = [];
    for (const commit of [true, false, false, true, true, false]) {
      const transaction = await transactional.transaction();
      for (const [productId, at] of [
        [mine, partition],
        [neighbour, (partition + 1) % partitionCount],
      ] as const) {
        const commandId = randomUUID();
        (commit ? committed : aborted).push(commandId);
        const value = rawOrder(ids.order, { commandId, productId });
        const messages = [
          { partition: at, key: productId, value },
          { partition: at, key: productId, value: "rolled back or kept" },
        ];
        const [ack] = await transaction.send({ topic, messages });
        if (!commit) continue;
        sent.push({
          ...{ partition: at, offset: Number(ack?.baseOffset) + 1, reason: "not_confluent" },
          ...{ key: Buffer.from(productId), value: Buffer.from("rolled back or kept") },
        });
      }
      await (commit ? transaction.commit() : transaction.abort());
      expect(await ordersBehind()).toEqual([201, 201]);
    }
    goodOrders.push(...committed);
    for (const id of committed) expect(await lineOf(id)).toMatchObject({ status: "accepted" });
    for (const id of aborted) expect(await lineOf(id)).toBeUndefined();
  });
});

describe("all of them in a heap, over four partitions, the processor killed on the way", () => {
  it("keeps each one once, and decides every good order once", async () => {
    const heap: (ForeignRecord & { partition: number; reason: string | undefined })[] = [];
    const products = Array.from({ length: 4 }, (_, n) => productOf(n));
    for (const [n, { make, reason }] of cases.entries()) {
      for (const [at, productId] of products.entries()) {
        for (let count = 0; count < 5; count += 1) {
          const commandId = randomUUID();
          goodOrders.push(commandId);
          const value = rawOrder(ids.order, { commandId, productId });
          heap.push({ key: Buffer.from(productId), value, partition: at, reason: undefined });
        }
        const bad = make(ids, productId, randomUUID());
        // Megabytes were sent above.
        if (n % products.length === at && (bad.value?.length ?? 0) < 1e6) heap.push({ ...bad, partition: at, reason });
      }
    }
    const before = sent.length;
    for (let from = 0; from < heap.length; from += 200) {
      const part = heap.slice(from, from + 200);
      const offsets = await send(part);
      for (const [index, { reason, ...record }] of part.entries()) {
        if (reason !== undefined) sent.push({ ...record, reason, offset: offsets[index] ?? -1 });
      }
    }
    expect(sent.length).toBeGreaterThan(before);
    await processor.kill();
    processor = await world.tallyman.startProcessor();
    await until(
      "the heap is decided",
      untilTrue(async () => (await countOf("ledger", goodOrders)) === goodOrders.length),
      60_000,
    );
  });

  it("every record that could not be decided is one row, and nothing else is", async () => {
    const rows = (await world.sql(`select "partition", "offset"::int4, reason, kind from dead_letters`)) as Sent[];
    const place = (each: Pick<Sent, "partition" | "offset" | "reason">) =>
      `${each.partition}:${each.offset} ${each.reason}`;
    await expect
      .poll(async () => (await world.sql(`select from dead_letters`)).length, { timeout: 20_000 })
      .toBe(sent.length);
    expect(rows.map(place).toSorted()).toEqual(sent.map(place).toSorted());
  });

  it("the dead-letter topic has each of them, as it was sent, with where it was and why", async () => {
    const reader = new Reader(`${world.tallyman.topic}.dead-letter`);
    await reader.start();
    const place = (at: unknown, offset: unknown) => `${String(at)}:${String(offset)}`;
    const told = () =>
      new Map(
        reader.ranges.flatMap(({ records }) =>
          records.map((record) => [
            place(record.headers["tallyman-partition"], record.headers["tallyman-offset"]),
            record,
          ]),
        ),
      );
    try {
      await until("all of them are told", () => told().size >= sent.length, 40_000);
    } finally {
      await reader.source.stop();
    }
    const records = told();
    expect(records.size).toBe(sent.length);
    for (const { partition: at, offset, reason, key, value, headers } of sent) {
      const record = records.get(place(at, offset));
      expect([record?.key, value === null ? record?.value : record?.value?.equals(value)]).toEqual([
        key,
        value === null ? null : true,
      ]);
      const {
        "tallyman-kind": kind,
        "tallyman-reason": why,
        "tallyman-partition": _partition,
        "tallyman-offset": _offset,
        "tallyman-stored-at": storedAt,
        ...own
      } = record?.headers ?? {};
      expect([String(kind), String(why), Number.isNaN(Date.parse(String(storedAt)))]).toEqual([
        "undecodable",
        reason,
        false,
      ]);
      expect(headersOf(own as ForeignRecord["headers"])).toEqual(headersOf(headers));
    }
  });

  it("the books are right", async () => {
    await world.untilAtRest();
    await world.tallyman.audit("at-rest");
  });
});

async function countOf(table: string, commandIds: readonly string[]): Promise<number> {
  const rows = await world.sql(`select command_id from ${table} where type = 'PlaceOrder'`);
  const there = new Set((rows as { command_id: string }[]).map((row) => row.command_id));
  return commandIds.filter((id) => there.has(id)).length;
}

/** A condition that is asked of PostgreSQL, for a poll that asks a boolean. */
function untilTrue(check: () => Promise<boolean>): () => boolean {
  let [holds, asking] = [false, false];
  return () => {
    if (!asking) {
      asking = true;
      void check().then((now) => ([holds, asking] = [now, false]));
    }
    return holds;
  };
}
