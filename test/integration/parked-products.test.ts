/**
 * What PostgreSQL refuses to write parks its product and nobody else's (P7, P13): a constraint that somebody adds refuses
 * orders of one customer, then of everybody. The processor is killed while products are parked, and while they go on.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import type { PlaceOrder } from "../../src/schemas/commands.ts";
import { readBooks, wrongInBooks } from "../support/books.ts";
import { cancelOrder, placeOrder, resumeProduct } from "../support/commands.ts";
import type { Role } from "../support/tallyman.ts";
import { createAuditWorld } from "./audit-world.ts";
import type { AuditWorld } from "./audit-world.ts";

const partitionCount = 12;
const patience = { timeout: 30_000, interval: 100 };
const products = Array.from({ length: 30 }, (_, n) => `product-${n}`);
const [chair = "", lamp = ""] = [products[3], products[17]];
const ghost = "never-delivered";
const rounds = 20;
const perResume = 7;

let world: AuditWorld;
let processor: Role;
const appended: PlaceOrder[] = [];

beforeAll(async () => {
  world = await createAuditWorld();
  processor = world.processor;
  await Promise.all(products.map((id) => createProduct(id)));
});
afterAll(() => world.close());

async function createProduct(id: string): Promise<void> {
  const product = { id, name: id, category: "test", priceCents: 250, initialStock: 1_000 };
  const response = await world.post("/products", product);
  expect([response.status, await response.text()]).toMatchObject([201, expect.any(String)]);
}

const order = (productId: string, customerId: string | null = null): PlaceOrder => {
  const placed = placeOrder({ commandId: randomUUID(), productId, customerId });
  appended.push(placed);
  return placed;
};
const idsOf = (wanted: (productId: string) => boolean): string[] =>
  appended.filter(({ productId }) => wanted(productId)).map(({ commandId }) => commandId);

async function undecided(ids: readonly string[]): Promise<number> {
  const rows = await world.sql(`select command_id from ledger`);
  const there = new Set((rows as { command_id: string }[]).map((row) => row.command_id));
  return ids.filter((id) => !there.has(id)).length;
}

async function parked(): Promise<string[]> {
  const rows = await world.sql(`select product_id from stock where parked_because is not null order by product_id`);
  return (rows as { product_id: string }[]).map((row) => row.product_id);
}

async function dependency(name: string): Promise<{ state: string; detail: string | null } | undefined> {
  const report = (await (await fetch(`${processor.url}/readyz`)).json()) as {
    dependencies: { name: string; state: string; detail: string | null }[];
  };
  return report.dependencies.find((each) => each.name === name);
}

async function statusOf(orderId: string): Promise<string> {
  const response = await fetch(`${world.api.url}/orders/${orderId}`);
  const { status, code } = (await response.json()) as { status?: string; code?: string };
  return status ?? `${response.status} ${code}`;
}

async function statusesOf(ids: readonly string[]): Promise<string[]> {
  return [...new Set(await Promise.all(ids.map(statusOf)))];
}

const resumes = (productId: string, count: number) =>
  Array.from({ length: count }, () => resumeProduct({ commandId: randomUUID(), productId, commandsMax: perResume }));

describe("PostgreSQL refuses the orders of one customer", () => {
  it("parks the three products that have one, and decides everything of all others", async () => {
    await world.sql(`alter table ledger add constraint luck check (customer_id is distinct from 'unlucky') not valid`);
    const load: PlaceOrder[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const id of products) {
        const isUnlucky = (id === chair && round === 4) || (id === lamp && round === 9);
        load.push(order(id, isUnlucky ? "unlucky" : null));
      }
      if (round === 6) load.push(order(ghost, "unlucky"), order(ghost));
    }
    const [first, second] = [load.slice(0, 200), load.slice(200)];
    await world.append(first);
    await world.append(second);

    const lucky = (id: string) => ![chair, lamp, ghost].includes(id);
    await expect.poll(() => undecided(idsOf(lucky)), patience).toBe(0);
    await expect.poll(parked, patience).toEqual([ghost, chair, lamp].toSorted());
    // What came before the culprit is decided.
    await expect.poll(() => undecided(idsOf((id) => id === chair)), patience).toBe(rounds - 4);
    await expect.poll(() => undecided(idsOf((id) => id === lamp)), patience).toBe(rounds - 9);
    const kinds = await world.sql(
      `select product_id, kind, count(*)::int4 from dead_letters group by product_id, kind order by product_id, kind`,
    );
    expect(kinds).toEqual([
      { product_id: ghost, kind: "refused", count: 1 },
      { product_id: ghost, kind: "waiting", count: 1 },
      { product_id: lamp, kind: "refused", count: 1 },
      { product_id: lamp, kind: "waiting", count: rounds - 10 },
      { product_id: chair, kind: "refused", count: 1 },
      { product_id: chair, kind: "waiting", count: rounds - 5 },
    ]);
  });

  it("health names them, with the reason", async () => {
    const detail = async () => (await dependency("parked products"))?.detail;
    for (const id of [chair, lamp, ghost]) await expect.poll(detail, patience).toContain(`${id}: `);
    expect(await detail()).toContain(`"luck"`);
    expect((await dependency("parked products"))?.state).toBe("down");
    expect((await dependency("partitions"))?.state).toBe("up");
    expect(await fetch(`${processor.url}/metrics`).then((each) => each.text())).toContain("tallyman_parks_total 3\n");
  });

  it("orders of a parked product are taken, and are pending: also with another processor, also with Redis emptied", async () => {
    const waiting = await undecided(idsOf((id) => id === chair));
    const response = await fetch(`${world.api.url}/orders`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ productId: chair, quantity: 1 }),
    });
    const { orderId } = (await response.json()) as { orderId: string };
    expect(response.status).toBe(202);
    appended.push(placeOrder({ commandId: orderId, productId: chair }));
    await processor.kill();
    processor = await world.tallyman.startProcessor();
    const [last] = [order(products[0] ?? "")];
    await world.append([last]);
    await expect.poll(() => statusOf(last.commandId), patience).toBe("accepted");
    expect(await undecided(idsOf((id) => id === chair))).toBe(waiting + 1);

    const inLine = [
      ...idsOf((id) => id === chair).slice(4),
      ...idsOf((id) => id === lamp).slice(9),
      ...idsOf((id) => id === ghost),
    ];
    expect(await statusesOf(inLine)).toEqual(["pending"]);
    await world.tallyman.redis.flushdb();
    expect(await statusesOf(inLine)).toEqual(["pending"]);
  });

  it("a ResumeProduct that comes before the cause is mended changes nothing", async () => {
    const before = await undecided(idsOf((id) => id === lamp));
    const [early] = resumes(lamp, 1);
    await world.append(early === undefined ? [] : [early]);
    await expect
      .poll(
        () => world.sql(`select status, reason from ledger where command_id = '${early?.commandId ?? ""}'`),
        patience,
      )
      .toEqual([{ status: "rejected", reason: "still_refused" }]);
    expect(await parked()).toEqual([ghost, chair, lamp].toSorted());
    expect(await undecided(idsOf((id) => id === lamp))).toBe(before);
  });

  it("mended and resumed, all are decided in the order of the log, with a processor killed on the way", async () => {
    const cancelled = idsOf((id) => id === lamp).at(-1) ?? "";
    await world.append([cancelOrder({ commandId: randomUUID(), productId: lamp, orderId: cancelled })]);
    const orderId = randomUUID();
    const waiter = fetch(`${world.api.url}/orders`, {
      method: "POST",
      headers: { "content-type": "application/json", prefer: "wait=30" },
      body: JSON.stringify({ orderId, productId: chair, quantity: 1 }),
    });
    await expect
      .poll(() => world.sql(`select kind from dead_letters where command_id = '${orderId}'`), patience)
      .toHaveLength(1);
    appended.push(placeOrder({ commandId: orderId, productId: chair }));

    await world.sql(`alter table ledger drop constraint luck`);
    const before = await undecided(idsOf((id) => id === chair));
    expect(before).toBeGreaterThan(2 * perResume);
    await world.append(resumes(chair, 1));
    await expect.poll(() => undecided(idsOf((id) => id === chair)), patience).toBe(before - perResume);
    expect(await parked()).toContain(chair);
    await world.append([...resumes(chair, 2), ...resumes(lamp, 3), ...resumes(ghost, 1)]);
    await processor.kill();
    processor = await world.tallyman.startProcessor();

    await expect.poll(parked, patience).toEqual([]);
    expect(await undecided(idsOf(() => true))).toBe(0);
    const answer = await waiter;
    expect([answer.status, await answer.json()]).toMatchObject([201, { orderId, status: "accepted" }]);
    for (const id of [chair, lamp]) {
      const rows = await world.sql(
        `select command_id from ledger where product_id = '${id}' and type = 'PlaceOrder' and status = 'accepted' order by version`,
      );
      const decided = (rows as { command_id: string }[]).map((row) => row.command_id);
      expect(decided).toEqual(idsOf((each) => each === id).filter((each) => each !== cancelled));
    }
    expect(await statusOf(cancelled)).toBe("cancelled");
    expect(await statusesOf(idsOf((id) => id === ghost))).toEqual(["rejected"]);
    expect(await world.sql(`select from stock where product_id = '${ghost}'`)).toEqual([]);
    const [row] = (await world.sql(`select quantity from stock where product_id = '${chair}'`)) as {
      quantity: number;
    }[];
    await fetch(`${world.api.url}/products/${chair}`);
    await expect
      .poll(() => world.tallyman.redis.get(`product:${chair}:quantity`), patience)
      .toBe(String(row?.quantity));
    await expect.poll(() => dependency("parked products"), patience).toMatchObject({ state: "up" });
  });
});

describe(`PostgreSQL refuses more than ${limits.parksInARowMax} products in a row`, () => {
  /** Products of nobody, all of one partition. */
  const strangers = (partition: number, count: number): string[] =>
    Array.from({ length: 1_000 }, (_, n) => `stranger-${n}`)
      .filter((id) => partitionOf(id, partitionCount) === partition)
      .slice(0, count);

  it("of one partition: the other partitions go on meanwhile, and then the rest parks too", async () => {
    await world.sql(`alter table ledger add constraint luck check (customer_id is distinct from 'unlucky') not valid`);
    const many = strangers(5, limits.parksInARowMax + 2);
    await world.append(many.map((id) => order(id, "unlucky")));
    await expect.poll(async () => (await parked()).length, patience).toBe(limits.parksInARowMax);
    const other = products.find((id) => partitionOf(id, partitionCount) !== 5) ?? "";
    for (let count = 0; count < 4; count += 1) {
      const placed = order(other);
      await world.append([placed]);
      await expect.poll(() => undecided([placed.commandId]), patience).toBe(0);
    }
    await expect.poll(async () => (await parked()).length, patience).toBe(many.length);
    await world.sql(`alter table ledger drop constraint luck`);
    await world.append(many.flatMap((id) => resumes(id, 1)));
    await expect.poll(parked, patience).toEqual([]);
  });

  it("of all: it stops parking, says so, and goes on by itself when the cause is mended", async () => {
    await world.sql(`alter table ledger add constraint nothing check (false) not valid`);
    const all = products.slice(0, 20).map((id) => order(id));
    await world.append(all);
    await expect.poll(async () => (await parked()).length, patience).toBe(limits.parksInARowMax);
    // In one look: between two, another partition may be the one that health tells of.
    await expect
      .poll(() => dependency("partitions"), patience)
      .toMatchObject({ state: "down", detail: expect.stringMatching(/commits fail: .*nothing/) as unknown });
    expect(await undecided(all.map(({ commandId }) => commandId))).toBe(all.length);
    const before = await parked();
    expect(before).toHaveLength(limits.parksInARowMax);

    await world.sql(`alter table ledger drop constraint nothing`);
    const free = all.filter(({ productId }) => !before.includes(productId)).map(({ commandId }) => commandId);
    await expect.poll(() => undecided(free), patience).toBe(0);
    await expect.poll(() => dependency("partitions"), patience).toMatchObject({ state: "up" });
    expect(await parked()).toEqual(before);
    await world.append(before.flatMap((id) => resumes(id, 1)));
    await expect.poll(parked, patience).toEqual([]);
    expect(await undecided(idsOf(() => true))).toBe(0);
  });

  it("the books are right", async () => {
    const { lines, stock } = await readBooks(world.tallyman.databaseUrl);
    // A ResumeProduct moves no stock, and the order of the lamp that was cancelled has left its version to its cancel.
    const counted = {
      lines: lines.filter(({ type, product_id: id }) => type !== "ResumeProduct" && id !== lamp),
      stock: stock.filter(({ product_id: id }) => id !== lamp),
    };
    expect(counted.lines.length).toBeGreaterThan(rounds * (products.length - 1));
    expect(wrongInBooks(counted, [])).toEqual([]);
  });
});
