// Deliveries on PostgreSQL: each event once for each webhook, a job for each delivery, and what attempts make of webhooks; then what expires.
import { randomUUID } from "node:crypto";
import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { NewJob } from "../../src/queue/queue.ts";
import { createPostgresDeliveryStore } from "../../src/stores/postgres/delivery-store.ts";
import { createPostgresExpiryStore } from "../../src/stores/postgres/expiry-store.ts";
import { createPool } from "../../src/stores/postgres/pool.ts";
import { createPostgresWebhookStore } from "../../src/stores/postgres/webhook-store.ts";
import { tellDecisionsSql } from "../../src/stores/postgres/statements/deliveries.ts";
import type { EventType } from "../../src/stores/webhook-store.ts";
import { createTestDatabase } from "../support/databases.ts";
import type { TestDatabase } from "../support/databases.ts";

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, name: "contract", connectionsMax: 6, onIdleError: () => undefined });
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

const enqueued: NewJob[] = [];
/** What the queue says to the next jobs. */
let enqueueFails = false;
const deliveries = () =>
  createPostgresDeliveryStore(pool, (_transaction, _name, jobs) => {
    if (enqueueFails) return Promise.reject(new Error("the queue is broken"));
    enqueued.push(...jobs);
    return Promise.resolve();
  });
const webhooks = () => createPostgresWebhookStore(pool);
beforeEach(async () => {
  enqueued.splice(0);
  enqueueFails = false;
  await pool.query(
    "truncate webhooks, webhook_deliveries, webhook_attempts, event_positions, partitions, ledger, fulfilment_steps, order_drivers, drivers, low_stock_alerts, audits cascade",
  );
});

async function webhook(...eventTypes: EventType[]): Promise<string> {
  const made = { id: randomUUID(), url: "https://shop.example/", eventTypes, description: null, secret: "whsec_a" };
  await webhooks().create(made, 100);
  return made.id;
}
const listOf = async (id: string) => (await webhooks().deliveries(id, null, 100)).toReversed();
const typesOf = async (id: string) => (await listOf(id)).map(({ type }) => type);
async function decide(
  partition: number,
  lines: readonly { type: string; offset: number; status?: string }[],
): Promise<void> {
  const next = Math.max(...lines.map(({ offset }) => offset)) + 1;
  for (const { type, offset, status = "accepted" } of lines) {
    await pool.query(
      `insert into ledger (command_id, type, product_id, order_id, quantity, status, reason, delta, stock_after, version, "partition", "offset", issued_at, actor)
       values (gen_random_uuid(), $1, 'p', gen_random_uuid(), 2, $2, case when $2 = 'rejected' then 'x' end, 0, 0, 1, $3, $4, now(), 'ada')`,
      [type, status, partition, offset],
    );
  }
  await pool.query(
    `insert into partitions (partition, epoch, owner, next_offset) values ($1, 1, 'o', $2)
     on conflict (partition) do update set next_offset = excluded.next_offset`,
    [partition, next],
  );
}
const told = ["order.packed", "order.cancelled", "product.archived", "product.restored"] as const;

describe("what was decided", () => {
  test("is told once to each webhook that wants it, in its order, and refusals and orders never", async () => {
    const [all, some] = [await webhook(...told), await webhook("order.cancelled")];
    await decide(0, [
      { type: "PlaceOrder", offset: 0 },
      { type: "ArchiveProduct", offset: 1 },
      { type: "PackOrder", offset: 2 },
      { type: "CancelOrder", offset: 3, status: "rejected" },
      { type: "CancelOrder", offset: 4 },
      { type: "RestoreProduct", offset: 5 },
    ]);
    expect(await deliveries().tellDecisions(10)).toBe(false);
    expect(await deliveries().tellDecisions(10)).toBe(false);
    expect(await typesOf(all)).toEqual(["product.archived", "order.packed", "order.cancelled", "product.restored"]);
    expect(await typesOf(some)).toEqual(["order.cancelled"]);
    const ids = async (id: string) =>
      (await listOf(id)).filter(({ type }) => type === "order.cancelled").map(({ eventId }) => eventId);
    expect(await ids(all)).toEqual(await ids(some));
    const due = await deliveries().due((await listOf(some))[0]?.id ?? "");
    expect(JSON.parse(due?.body ?? "")).toMatchObject({
      type: "order.cancelled",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      data: { productId: "p", quantity: 2, actor: "ada" },
    });
  });

  test("beyond what is told at once comes the next time; lines that share an offset stay together", async () => {
    const id = await webhook("order.packed");
    const offsets = [0, 1, 1, 1, 2, 5, 6];
    await decide(
      3,
      offsets.map((offset) => ({ type: "PackOrder", offset })),
    );
    const counts: number[] = [];
    for (let isMore = true; isMore;) {
      isMore = await deliveries().tellDecisions(4);
      counts.push((await listOf(id)).length);
    }
    expect(counts).toEqual([4, 7]);
  });

  test("is told once by workers that look at the same time, and by one that comes after another died", async () => {
    const id = await webhook("order.packed");
    for (let round = 0; round < 8; round++) {
      for (const partition of [0, 1, 2]) await decide(partition, [{ type: "PackOrder", offset: round }]);
      const dead = await pool.connect();
      await dead.query("begin");
      await dead.query({ ...tellDecisionsSql, values: [10] });
      const others = [deliveries().tellDecisions(10), deliveries().tellDecisions(10)];
      dead.release(true);
      await Promise.all([...others, deliveries().tellDecisions(10)]);
    }
    await expect
      .poll(async () => {
        await deliveries().tellDecisions(10);
        return (await listOf(id)).length;
      })
      .toBe(24);
    await deliveries().tellDecisions(10);
    expect(await listOf(id)).toHaveLength(24);
  });

  test("before the first webhook is told to nobody; disabled, it hears of nothing; the later steps tell themselves", async () => {
    await decide(0, [{ type: "PackOrder", offset: 0 }]);
    await deliveries().tellDecisions(10);
    const id = await webhook("order.packed", "order.out_for_delivery", "order.delivered");
    await deliveries().tellDecisions(10);
    expect(await typesOf(id)).toEqual([]);
    const step = (orderId: string, name: string) =>
      pool.query("insert into fulfilment_steps (order_id, step, request_id) values ($1, $2, gen_random_uuid())", [
        orderId,
        name,
      ]);
    const order = randomUUID();
    for (const name of ["packed", "out_for_delivery", "delivered"]) await step(order, name);
    expect(await typesOf(id)).toEqual(["order.out_for_delivery", "order.delivered"]);
    await webhooks().change(id, { isEnabled: false });
    await step(randomUUID(), "delivered");
    expect(await typesOf(id)).toHaveLength(2);
  });
});

describe("deliveries", () => {
  const made = async (count: number): Promise<string> => {
    const id = await webhook("order.packed");
    for (let n = 0; n < count; n++) await webhooks().test(id);
    return id;
  };
  const failed = { durationMs: 3.4, status: 500, error: "it answered 500", answer: "busy" };
  const taken = { ...failed, status: 200, error: null };

  test("have a job each, whoever puts them into the queue, and none where that fails", async () => {
    const id = await made(25);
    enqueueFails = true;
    await expect(deliveries().enqueue(10)).rejects.toThrow("broken");
    enqueueFails = false;
    expect(enqueued).toEqual([]);
    const counts = await Promise.all([deliveries().enqueue(10), deliveries().enqueue(10), deliveries().enqueue(10)]);
    for (let count = await deliveries().enqueue(10); count > 0; count = await deliveries().enqueue(10))
      counts.push(count);
    expect(counts.reduce((sum, count) => sum + count)).toBe(25);
    const ids = (await listOf(id)).map((each) => each.id);
    expect(enqueued.map(({ data }) => data.deliveryId).toSorted()).toEqual(ids.toSorted());
    expect(new Set(enqueued.map(({ group }) => group))).toEqual(new Set([id]));
  });

  test("are settled once, with each attempt, and sent once more when that is asked for", async () => {
    const id = await made(1);
    const [{ id: deliveryId } = { id: "" }] = await listOf(id);
    await deliveries().enqueue(10);
    await webhooks().resend(deliveryId);
    expect(await deliveries().enqueue(10)).toBe(0); // It is to be sent anyway.
    await deliveries().record(deliveryId, failed, "again");
    expect(await webhooks().read(id)).toMatchObject({ failingSince: expect.any(Number) as number, disabledAt: null });
    await deliveries().record(deliveryId, taken, "delivered");
    await deliveries().record(deliveryId, failed, "failed");
    expect((await listOf(id))[0]).toMatchObject({
      state: "delivered",
      settledAt: expect.any(Number) as number,
      attempts: [
        { durationMs: 3, status: 500, error: "it answered 500", answer: "busy" },
        { status: 200, error: null },
        { status: 500 },
      ],
    });
    expect(await webhooks().resend(deliveryId)).toMatchObject({ state: "pending", settledAt: null });
    expect(await deliveries().enqueue(10)).toBe(1);
    expect((await deliveries().due(deliveryId))?.state).toBe("pending");
  });

  test("that nobody takes disable their webhook when one is given up, unless another was taken in between", async () => {
    const id = await made(2);
    const [one, other] = (await listOf(id)).map((each) => each.id);
    if (one === undefined || other === undefined) throw new Error("there are no deliveries");
    await deliveries().record(one, failed, "again");
    await deliveries().record(other, taken, "delivered");
    expect(await webhooks().read(id)).toMatchObject({ failingSince: null });
    expect(await deliveries().record(one, failed, "failed")).toEqual({ disabledBecause: null });
    expect(await webhooks().read(id)).toMatchObject({ disabledAt: null });

    const bad = await made(1);
    const [{ id: given } = { id: "" }] = await listOf(bad);
    await deliveries().record(given, failed, "again");
    const { disabledBecause } = await deliveries().record(given, failed, "failed");
    expect(disabledBecause).toMatch(/^it has taken nothing since \d{4}-.*Z; the last time: it answered 500$/);
    expect(await webhooks().read(bad)).toMatchObject({ disabledBecause });
    expect((await deliveries().due(given))?.isEnabled).toBe(false);
    expect(await webhooks().change(bad, { isEnabled: true })).toMatchObject({
      disabledAt: null,
      disabledBecause: null,
      failingSince: null,
    });

    const gone = await made(1);
    const [{ id: last } = { id: "" }] = await listOf(gone);
    expect(await deliveries().record(last, failed, "gone")).toEqual({ disabledBecause: "it says that it is gone" });
    // A delivery that is not tried says nothing about a webhook.
    expect(await deliveries().record(one, null, "failed")).toEqual({ disabledBecause: null });
  });

  test("beyond a bound disable the webhook that they wait for", async () => {
    const [many, few] = [await made(5), await made(4)];
    expect(await deliveries().disableLate(4)).toBe(1);
    expect(await webhooks().read(many)).toMatchObject({ disabledBecause: "more than 4 deliveries wait for it" });
    expect(await webhooks().read(few)).toMatchObject({ disabledAt: null });
    expect(await webhooks().remove(many)).toMatchObject({ id: many });
    expect(await listOf(many)).toEqual([]);
  });

  test("are signed by the secret before too, until its time is over", async () => {
    const id = await made(1);
    const [{ id: deliveryId } = { id: "" }] = await listOf(id);
    await webhooks().rotate(id, "whsec_b", 60_000);
    expect((await deliveries().due(deliveryId))?.secrets).toEqual(["whsec_b", "whsec_a"]);
    await webhooks().rotate(id, "whsec_c", -1);
    expect((await deliveries().due(deliveryId))?.secrets).toEqual(["whsec_c"]);
  });

  test("there are no more webhooks than there may be", async () => {
    const wanted = { id: randomUUID(), url: "u", eventTypes: told, description: null, secret: "s" };
    expect(await webhooks().create(wanted, 0)).toBeNull();
    expect(await webhooks().create(wanted, 1)).toMatchObject({ id: wanted.id });
    expect(await webhooks().create({ ...wanted, id: randomUUID() }, 1)).toBeNull();
    expect(await webhooks().change(wanted.id, { description: "ours", url: "v" })).toMatchObject({
      description: "ours",
      url: "v",
      eventTypes: told,
    });
    expect(await webhooks().change(wanted.id, { description: null })).toMatchObject({ description: null, url: "v" });
  });
});

test("what is old expires, some at a time: what is settled, acknowledged or over, and nothing else", async () => {
  const expiry = createPostgresExpiryStore(pool);
  const id = await webhook("order.packed");
  for (let n = 0; n < 4; n++) await webhooks().test(id);
  const [oldest, old, young] = (await listOf(id)).map((each) => each.id);
  await pool.query(
    "update webhook_deliveries set state = 'delivered', settled_at = now() - interval '31 days' where delivery_id = any($1)",
    [[oldest, old]],
  );
  await pool.query(
    "update webhook_deliveries set state = 'delivered', settled_at = now() - interval '29 days' where delivery_id = $1",
    [young],
  );
  expect([
    await expiry.expire("deliveries", 30, 1),
    await expiry.expire("deliveries", 30, 9),
    await expiry.expire("deliveries", 30, 9),
  ]).toEqual([1, 1, 0]);
  expect((await listOf(id)).map(({ state }) => state)).toEqual(["delivered", "pending"]);
  await pool.query("update webhook_deliveries set created_at = now() - interval '8 days' where state = 'pending'");
  expect([await expiry.giveUpDeliveries(7, 9), await expiry.giveUpDeliveries(7, 9)]).toEqual([1, 0]);
  expect((await listOf(id)).at(-1)?.state).toBe("failed");

  await pool.query(
    `insert into low_stock_alerts (product_id, low_stock_at, quantity, version, decided_at, acknowledged_at)
     values ('p', 1, 1, 1, now(), now() - interval '31 days'), ('p', 1, 1, 2, now() - interval '99 days', null), ('p', 1, 1, 3, now(), now())`,
  );
  expect(await expiry.expire("alerts", 30, 9)).toBe(1);

  await pool.query("insert into drivers (driver_id, name) values ('a', 'A'), ('b', 'B'), ('c', 'C')");
  const [delivered, underWay, recent] = [randomUUID(), randomUUID(), randomUUID()];
  await pool.query(
    `insert into order_drivers (order_id, driver_id, assigned_at) values
     ($1, 'a', now() - interval '31 days'), ($2, 'b', now() - interval '31 days'), ($3, 'c', now())`,
    [delivered, underWay, recent],
  );
  await pool.query(
    "insert into fulfilment_steps (order_id, step, request_id) select unnest($1::uuid[]), 'delivered', gen_random_uuid()",
    [[delivered, recent]],
  );
  expect(await expiry.expire("assignments", 30, 9)).toBe(1);
  expect(
    (await pool.query<{ order_id: string }>("select order_id from order_drivers order by driver_id")).rows.map(
      (row) => row.order_id,
    ),
  ).toEqual([underWay, recent]);

  await pool.query(
    "insert into audits (started_at, ended_at, differences) select now(), now() - interval '40 days', 0 from generate_series(1, 3)",
  );
  expect([await expiry.expire("audits", 30, 9), await expiry.expire("audits", 30, 9)]).toEqual([2, 0]);
});
