/**
 * The decisions topic on real services: what the ledger has is what a consumer has that drops repeats as docs/consuming.md says,
 * whatever was killed, away or switched off in between.
 */
import { randomUUID } from "node:crypto";
import { SchemaRegistry } from "@kafkajs/confluent-schema-registry";
import type { Consumer } from "kafkajs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DecisionsView } from "../../examples/consumers/decisions-view.ts";
import type { Command } from "../../src/schemas/commands.ts";
import type { Decision, Decisions } from "../../src/schemas/decisions.ts";
import { cancelOrder, countStock, placeOrder, receiveStock } from "../support/commands.ts";
import type { Role } from "../support/tallyman.ts";
import { createAuditWorld } from "./audit-world.ts";
import type { AuditWorld } from "./audit-world.ts";
import { plainKafka, uniqueName, withAdmin } from "./log-helpers.ts";

const topic = uniqueName("decisions");
const products = Array.from({ length: 40 }, (_, number) => `product-${number}`);
const patience = { timeout: 60_000, interval: 200 };

let world: AuditWorld;
let processor: Role;
let consumer: Consumer;
const view = new DecisionsView();
/** Without repeats, in the order in which they came. */
const told: (Decision & { readonly productId: string; readonly partition: number })[] = [];

beforeAll(async () => {
  world = await createAuditWorld({ environment: { DECISIONS_TOPIC: topic } });
  processor = world.processor;
  const registry = new SchemaRegistry({ host: process.env.SCHEMA_REGISTRY_URL ?? "" });
  consumer = plainKafka().consumer({ groupId: topic });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const record = (await registry.decode(message.value ?? Buffer.alloc(0))) as Decisions;
      expect(message.key?.toString()).toBe(record.productId);
      const fresh = view.take(record);
      told.push(...fresh.map((each) => ({ ...each, productId: record.productId, partition: record.partition })));
    },
  });
});
afterAll(async () => {
  await consumer.disconnect();
  await world.close();
  await withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
});

const begin = async (environment: Readonly<Record<string, string>>): Promise<void> => {
  Object.assign(world.tallyman.environment, environment);
  processor = await world.tallyman.startProcessor();
};

/** Deliveries, orders of which some are refused, cancels before and after their orders, stocktakes, and some of them again. */
function commands(): Command[] {
  return products.flatMap((productId): Command[] => {
    const orders = [5, 6, 2, 1].map((quantity) => placeOrder({ commandId: randomUUID(), productId, quantity }));
    const [first, , third, last] = orders.map(({ commandId }) => commandId);
    const early = cancelOrder({ commandId: randomUUID(), orderId: last ?? "", productId });
    const cancel = cancelOrder({ commandId: randomUUID(), orderId: first ?? "", productId });
    return [
      receiveStock({ commandId: randomUUID(), productId, quantity: 10 }),
      early,
      ...orders,
      cancel,
      cancelOrder({ commandId: randomUUID(), orderId: third ?? "", productId: "product-0" }),
      countStock({ commandId: randomUUID(), productId, quantity: 7, asOfVersion: null }),
      cancel,
    ];
  });
}

type Row = Record<string, unknown> & { command_id: string; product_id: string; version: number };

async function expectToldAsDecided(): Promise<void> {
  // An order that only keeps an id free is no decision; one that was cancelled since was accepted when it was decided.
  const rows = (await world.sql(`
    select command_id, product_id, type, case when reason is null then 'accepted' else status end as status, reason, order_id,
           quantity, delta, stock_after, version::float8 as version, "partition", "offset"::float8 as "offset"
    from ledger where type <> 'PlaceOrder' or unit_price_cents is not null`)) as Row[];
  await expect.poll(() => told.length, patience).toBe(rows.length);
  const rowOf = (each: (typeof told)[number]): Row => ({
    command_id: each.commandId,
    product_id: each.productId,
    type: each.type,
    status: each.status,
    reason: each.reason,
    order_id: each.orderId,
    quantity: each.quantity,
    delta: each.delta,
    stock_after: each.stockAfter,
    version: each.version,
    partition: each.partition,
    offset: each.offset,
  });
  const byId = (one: Row, other: Row): number => (one.command_id < other.command_id ? -1 : 1);
  expect(told.map(rowOf).toSorted(byId)).toEqual(rows.toSorted(byId));
  for (const [productId, own] of Map.groupBy(told, (each) => each.productId)) {
    const offsets = own.map(({ offset }) => offset);
    expect(offsets, productId).toEqual(offsets.toSorted((one, other) => one - other));
    const versions = [0, ...own.map(({ version }) => version)];
    for (const [index, version] of versions.slice(1).entries()) {
      expect(version - (versions[index] ?? 0), `${productId} has no gap`).toBeLessThanOrEqual(1);
      expect(version - (versions[index] ?? 0), `${productId} is in order`).toBeGreaterThanOrEqual(0);
    }
  }
  const stock = (await world.sql(`select product_id, quantity, version::float8 as version from stock`)) as (Row & {
    quantity: number;
  })[];
  expect(view.stock).toEqual(
    new Map(stock.map((row) => [row.product_id, { version: row.version, quantity: row.quantity }])),
  );
  const orders = (await world.sql(`select command_id, status from ledger where type = 'PlaceOrder'`)) as Row[];
  expect(view.orders).toEqual(new Map(orders.map(({ command_id: id, status }) => [id, status])));
}

const offsets = async () =>
  (await world.sql(`
    select sum(next_offset)::int4 as decided, sum(effects_offset)::int4 as effects, sum(decisions_offset)::int4 as decisions
    from partitions`)) as { decided: number; effects: number; decisions: number }[];

it("is told each decision once, but for repeats, in the order of decision", async () => {
  await world.append(commands());
  await world.untilAtRest();
  await expectToldAsDecided();
  await expect.poll(async () => (await offsets())[0], patience).toMatchObject({ decisions: products.length * 10 });
});

it("nothing is skipped when processors are killed between the commit and the telling", async () => {
  for (let kill = 1; kill <= 4; kill += 1) {
    const before = (await offsets())[0]?.decided ?? 0;
    await world.append(commands());
    await expect
      .poll(async () => (await offsets())[0]?.decided ?? 0, { timeout: 60_000, interval: 1 })
      .toBeGreaterThan(before);
    await processor.kill();
    await begin({});
  }
  await world.untilAtRest();
  await expectToldAsDecided();
});

it("goes on while Redis is away", async () => {
  const redisUrl = world.tallyman.redisUrl;
  await processor.stop();
  const [before] = await offsets();
  await begin({ REDIS_URL: "redis://127.0.0.1:1" });
  await world.append(commands());
  await expectToldEventually((before?.decided ?? 0) + products.length * 10);
  expect((await offsets())[0]?.effects).toBe(before?.effects);
  await expectToldAsDecided();
  await processor.stop();
  await begin({ REDIS_URL: redisUrl });
  await world.untilAtRest();
});

it("what was decided while it was switched off is told when it is switched on again", async () => {
  await processor.stop();
  const before = told.length;
  const [there] = await offsets();
  await begin({ DECISIONS_TOPIC: "off" });
  await world.append(commands());
  await world.untilAtRest();
  expect((await offsets())[0]?.decisions).toBe(there?.decisions);
  expect(told.length).toBe(before);
  await processor.stop();
  await begin({ DECISIONS_TOPIC: topic });
  await expectToldEventually((there?.decided ?? 0) + products.length * 10);
  await expectToldAsDecided();
});

async function expectToldEventually(records: number): Promise<void> {
  await expect.poll(async () => (await offsets())[0], patience).toMatchObject({ decided: records, decisions: records });
}
