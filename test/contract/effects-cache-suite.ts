import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { OrderDocument } from "../../src/schemas/order-document.ts";
import type { EffectsCache, OwnershipProof, PartitionEffects } from "../../src/stores/effects-cache.ts";
import type { ReadCache } from "../../src/stores/read-cache.ts";

/** One cache under test. `refillTokenTtlMs` is short, so that a test can outlive a token. */
export type CacheUnderTest = {
  readonly refillTokenTtlMs: number;
  owner(proof: OwnershipProof): EffectsCache;
  reader(): ReadCache;
  flush(): unknown;
  /** Lets time pass in the cache. */
  pass(ms: number): unknown;
  /** Takes the quantity away as its expiry would, and leaves what guards it. */
  expireQuantity(productId: string): unknown;
  close(): unknown;
};

export function orderDocument(changes: Partial<OrderDocument> = {}): OrderDocument {
  return {
    revision: 1,
    orderId: randomUUID(),
    productId: "p1",
    quantity: 1,
    unitPriceCents: 100,
    currency: "EUR",
    customerId: null,
    basketId: null,
    deliveryLocation: { latitude: 1.5, longitude: -2, address: 'Straße "1"' },
    status: "accepted",
    reason: null,
    stockAfter: 9,
    version: 2,
    partition: 3,
    offset: 7,
    placedAt: "2026-01-01T00:00:00.000Z",
    decidedAt: "2026-01-01T00:00:00.010Z",
    ...changes,
  };
}

const effects = (epoch: number, changes: Partial<PartitionEffects> = {}): PartitionEffects => ({
  partition: 3,
  epoch,
  stock: [],
  orders: [],
  ...changes,
});
const stock = (quantity: number, version: number) => ({ stock: [{ productId: "p1", quantity, version }] });
const told = (...orders: OrderDocument[]) => ({
  orders: orders.map((order) => ({ orderId: order.orderId, document: () => order })),
});
const latest: OwnershipProof = () => Promise.resolve(true);

/** A proof that says yes, but only when the test lets it: whatever the test does meanwhile happens in between. */
function heldProof() {
  let release: () => void = () => undefined;
  let asked: () => void = () => undefined;
  const wasAsked = new Promise<void>((resolve) => (asked = resolve));
  const held = new Promise<void>((resolve) => (release = resolve));
  let calls = 0;
  const proof = async (): Promise<boolean> => {
    if (++calls > 1) return false; // Asked again, PostgreSQL knows the later owner.
    asked();
    await held;
    return true;
  };
  return { proof, wasAsked, release: () => release(), calls: () => calls };
}

export function describeCache(name: string, open: () => Promise<CacheUnderTest>): void {
  describe(name, () => {
    let cache: CacheUnderTest;
    let reader: ReadCache;
    beforeEach(async () => {
      cache = await open();
      await cache.flush();
      reader = cache.reader();
    });
    afterEach(() => cache.close());

    const pendingOf = (order: OrderDocument): OrderDocument => ({
      ...order,
      revision: 0,
      status: "pending",
      offset: null,
      decidedAt: null,
    });
    const mark = (...orders: OrderDocument[]): Promise<unknown> =>
      Promise.all(orders.map((order) => reader.markPending(order.orderId, JSON.stringify(pendingOf(order)))));
    const hit = (quantity: number, version: number) => ({ kind: "hit", stock: { quantity, version } });

    test("what an owner writes is read, and writing it twice changes nothing", async () => {
      const owner = cache.owner(latest);
      const order = orderDocument();
      await mark(order);
      const write = effects(1, { ...stock(9, 2), ...told(order) });
      expect(await owner.apply([write])).toEqual({ fenced: [] });
      expect(await owner.apply([write])).toEqual({ fenced: [] });
      expect(await reader.readStock("p1")).toEqual(hit(9, 2));
      expect(await reader.readOrder(order.orderId)).toEqual(order);
      expect(await reader.readOrder(randomUUID())).toBeNull();
    });

    test("more products and orders than one script takes arrive all", async () => {
      const orders = Array.from({ length: 1_203 }, (_, offset) => orderDocument({ offset }));
      const many = Array.from({ length: 1_001 }, (_, n) => ({ productId: `many-${n}`, quantity: n, version: 1 }));
      await mark(...orders);
      await cache
        .owner(latest)
        .apply([effects(1, { ...told(...orders), stock: many }), effects(1, { partition: 4, ...stock(1, 1) })]);
      expect(await Promise.all(orders.map(({ orderId }) => reader.readOrder(orderId)))).toEqual(orders);
      expect(await reader.readStock("many-0")).toEqual(hit(0, 1));
      expect(await reader.readStock("many-1000")).toEqual(hit(1000, 1));
      expect(await reader.readStock("p1")).toEqual(hit(1, 1));
    });

    test("an older version never replaces a newer one, nor fills its place once that has expired", async () => {
      const owner = cache.owner(latest);
      await owner.apply([effects(1, stock(5, 6))]);
      await owner.apply([effects(1, stock(8, 3))]);
      expect(await reader.readStock("p1")).toEqual(hit(5, 6));
      await cache.expireQuantity("p1");
      await owner.apply([effects(1, stock(8, 3))]);
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });

    test("versions compare as numbers", async () => {
      const owner = cache.owner(latest);
      await owner.apply([effects(1, stock(5, 9))]);
      await owner.apply([effects(1, stock(4, 10))]);
      expect(await reader.readStock("p1")).toEqual(hit(4, 10));
    });

    test("an older revision of an order never replaces a newer one", async () => {
      const owner = cache.owner(latest);
      const accepted = orderDocument();
      const cancelled = { ...accepted, revision: 2, status: "cancelled" as const };
      await mark(accepted);
      await owner.apply([effects(1, told(cancelled))]);
      await owner.apply([effects(1, told(accepted))]);
      expect(await reader.readOrder(accepted.orderId)).toEqual(cancelled);
      const tenth = { ...accepted, revision: 10 };
      await owner.apply([effects(1, told(tenth))]);
      expect(await reader.readOrder(accepted.orderId)).toEqual(tenth);
    });

    test("a decision replaces the pending mark, and a mark that comes late changes nothing", async () => {
      const decided = orderDocument();
      const pending = orderDocument({ orderId: decided.orderId, revision: 0, status: "pending", decidedAt: null });
      await reader.markPending(pending.orderId, JSON.stringify(pending));
      expect(await reader.readOrder(pending.orderId)).toEqual(pending);
      await cache.owner(latest).apply([effects(1, told(decided))]);
      expect(await reader.readOrder(decided.orderId)).toEqual(decided);
      await reader.markPending(pending.orderId, JSON.stringify(pending));
      expect(await reader.readOrder(decided.orderId)).toEqual(decided);
    });

    test("an owner that PostgreSQL does not confirm writes nothing", async () => {
      const late = cache.owner(() => Promise.resolve(false));
      expect(await late.apply([effects(5, stock(9, 9))])).toEqual({ fenced: [3] });
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });

    test("a late owner is refused once a later one has written, also where nothing is cached", async () => {
      const late = cache.owner(latest);
      await late.apply([effects(5, stock(9, 1))]);
      await cache.owner(latest).apply([effects(6, stock(8, 2))]);
      const order = orderDocument();
      await mark(order);
      expect(
        await late.apply([effects(5, { stock: [{ productId: "p2", quantity: 1, version: 1 }], ...told(order) })]),
      ).toEqual({ fenced: [3] });
      expect(await reader.readStock("p2")).toMatchObject({ kind: "miss" });
      expect(await reader.readOrder(order.orderId)).toEqual(pendingOf(order));
    });

    test("an order that nobody marked is not put in, and its document not even made", async () => {
      const [marked, unmarked] = [orderDocument(), orderDocument()];
      await mark(marked);
      const never = (): OrderDocument => {
        throw new Error("must not be asked");
      };
      const owner = cache.owner(latest);
      await owner.apply([effects(1, { orders: [{ orderId: unmarked.orderId, document: never }] })]);
      const beside = orderDocument();
      await owner.apply([effects(1, told(marked, beside))]);
      expect(await reader.readOrder(beside.orderId)).toBeNull();
      expect(await reader.readOrder(unmarked.orderId)).toBeNull();
      expect(await reader.readOrder(marked.orderId)).toEqual(marked);
    });

    test("partitions are fenced one by one", async () => {
      await cache.owner(latest).apply([effects(6)]);
      const owner = cache.owner(latest);
      const other = effects(1, { partition: 4, ...stock(2, 2) });
      expect(await owner.apply([effects(5, told(orderDocument())), other])).toEqual({ fenced: [3] });
      expect(await reader.readStock("p1")).toEqual(hit(2, 2));
    });

    test("PostgreSQL is asked once an epoch, and again after a flush", async () => {
      let asked = 0;
      const owner = cache.owner(() => Promise.resolve(++asked > 0));
      for (let version = 1; version <= 3; version++) await owner.apply([effects(5, stock(9, version))]);
      expect(asked).toBe(1);
      await cache.flush();
      await owner.apply([effects(5, stock(9, 4))]);
      expect(asked).toBe(2);
      expect(await reader.readStock("p1")).toEqual(hit(9, 4));
    });

    test("a late owner that asked before the takeover is refused after it", async () => {
      const { proof, wasAsked, release } = heldProof();
      const late = cache.owner(proof).apply([effects(5, stock(9, 1))]);
      await wasAsked;
      await cache.owner(latest).apply([effects(6, stock(8, 2))]);
      release();
      expect(await late).toEqual({ fenced: [3] });
      expect(await reader.readStock("p1")).toEqual(hit(8, 2));
    });

    test("a late owner that asked before takeover and flush can't fill the emptied cache", async () => {
      const { proof, wasAsked, release, calls } = heldProof();
      const late = cache.owner(proof).apply([effects(5, stock(9, 1))]);
      await wasAsked;
      await cache.owner(latest).apply([effects(6, stock(8, 2))]);
      await cache.flush();
      release();
      expect(await late).toEqual({ fenced: [3] });
      expect(calls()).toBe(2);
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });

    test("a reader refills what it missed", async () => {
      const miss = await reader.readStock("p1");
      if (miss.kind !== "miss" || miss.token === null) throw new Error("a token was expected");
      expect(await reader.readStock("p1")).toEqual({ kind: "miss", token: null });
      await reader.refillStock({ productId: "p1", token: miss.token, stock: { quantity: 4, version: 7 } });
      expect(await reader.readStock("p1")).toEqual(hit(4, 7));
    });

    test("an owner's write takes a reader's token away, also when its value is gone again", async () => {
      const miss = await reader.readStock("p1");
      if (miss.kind !== "miss" || miss.token === null) throw new Error("a token was expected");
      await cache.owner(latest).apply([effects(1, stock(3, 8))]);
      await cache.expireQuantity("p1");
      await reader.refillStock({ productId: "p1", token: miss.token, stock: { quantity: 4, version: 8 } });
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });

    test("a refill never goes below the version that guards an expired quantity", async () => {
      await cache.owner(latest).apply([effects(1, stock(3, 8))]);
      await cache.expireQuantity("p1");
      const miss = await reader.readStock("p1");
      if (miss.kind !== "miss" || miss.token === null) throw new Error("a token was expected");
      await reader.refillStock({ productId: "p1", token: miss.token, stock: { quantity: 4, version: 7 } });
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });

    test("a refill needs the token of its own miss: not another's, not an expired one, not one from before a flush", async () => {
      const first = await reader.readStock("p1");
      if (first.kind !== "miss" || first.token === null) throw new Error("a token was expected");
      await cache.pass(cache.refillTokenTtlMs + 50);
      await reader.refillStock({ productId: "p1", token: first.token, stock: { quantity: 4, version: 1 } });
      const second = await reader.readStock("p1");
      if (second.kind !== "miss" || second.token === null) throw new Error("the first token should have expired");
      await reader.refillStock({ productId: "p1", token: first.token, stock: { quantity: 4, version: 1 } });
      expect(await reader.readStock("p1")).toEqual({ kind: "miss", token: null });
      await cache.flush();
      await reader.refillStock({ productId: "p1", token: second.token, stock: { quantity: 4, version: 1 } });
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });

    test("a failing proof is a failure of the whole call, and leaves nothing", async () => {
      const owner = cache.owner(() => Promise.reject(new Error("PostgreSQL is away")));
      await expect(owner.apply([effects(5, stock(9, 9))])).rejects.toThrow("PostgreSQL is away");
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });
  });
}
