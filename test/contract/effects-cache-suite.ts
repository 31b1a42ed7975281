import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { OrderDocument } from "../../src/schemas/order-document.ts";
import { nothingNoted } from "../../src/stores/effects-cache.ts";
import type { CacheMoment, EffectsCache, OwnershipProof, PartitionEffects } from "../../src/stores/effects-cache.ts";
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
  /** Takes away all that there is of a product, as when memory runs short. */
  lose(productId: string): unknown;
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
    fulfilment: null,
    driver: null,
    stockAfter: 9,
    version: 2,
    partition: 3,
    offset: 7,
    placedAt: "2026-01-01T00:00:00.000Z",
    decidedAt: "2026-01-01T00:00:00.010Z",
    ...changes,
  };
}

const partitionCount = 12;
const stock = (quantity: number, version: number, productId = "p1") => ({
  stock: [{ productId, quantity, version, isHome: true }],
});
/** Of an owner whose partition is not the product's home: no quantity of its own ever gets into the cache. */
const revoked = (version: number, productId = "p1") => ({
  stock: [{ productId, quantity: 77, version, isHome: false }],
});
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
    let noted: CacheMoment;
    beforeEach(async () => {
      cache = await open();
      await cache.flush();
      reader = cache.reader();
      noted = await look();
    });
    /** What an owner of another partition is told that the cache is now. */
    const look = async (changes: Partial<PartitionEffects> = {}): Promise<CacheMoment> => {
      const nobodys = { epoch: 1, stock: [], orders: [], partitionCount, noted: nothingNoted };
      return (await cache.owner(latest).apply([{ partition: 0, ...nobodys, ...changes }])).now;
    };
    const effects = (epoch: number, changes: Partial<PartitionEffects> = {}): PartitionEffects => {
      return { partition: 3, epoch, partitionCount, noted, stock: [], orders: [], ...changes };
    };
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
      expect(await owner.apply([write])).toMatchObject({ fenced: [] });
      expect(await owner.apply([write])).toMatchObject({ fenced: [] });
      expect(await reader.readStock("p1")).toEqual(hit(9, 2));
      expect(await reader.readOrder(order.orderId)).toEqual(order);
      expect(await reader.readOrder(randomUUID())).toBeNull();
    });

    test("what is there of many is seen at once, and a look is no miss that takes a token", async () => {
      await cache.owner(latest).apply([effects(1, stock(9, 2))]);
      const lists = [["p1", "unknown"], ["unknown", "p1"], []];
      const [there, missing] = [{ quantity: 9, version: 2 }, null];
      expect(await Promise.all(lists.map((list) => reader.peekStocks(list)))).toEqual([
        [there, missing],
        [missing, there],
        [],
      ]);
      expect(await reader.readStock("unknown")).toMatchObject({ kind: "miss", token: expect.any(String) as unknown });
    });

    test("more products and orders than one script takes arrive all", async () => {
      const orders = Array.from({ length: 1_203 }, (_, offset) => orderDocument({ offset }));
      const many = Array.from({ length: 1_001 }, (_, n) => ({
        ...{ productId: `many-${n}`, quantity: n, version: 1, isHome: true },
      }));
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
      expect(await late.apply([effects(5, stock(9, 9))])).toMatchObject({ fenced: [3] });
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });

    test("a late owner is refused once a later one has written, also where nothing is cached", async () => {
      const late = cache.owner(latest);
      await late.apply([effects(5, stock(9, 1))]);
      await cache.owner(latest).apply([effects(6, stock(8, 2))]);
      const order = orderDocument();
      await mark(order);
      expect(await late.apply([effects(5, { ...stock(1, 1, "p2"), ...told(order) })])).toMatchObject({ fenced: [3] });
      expect(await reader.readStock("p2")).toMatchObject({ kind: "miss" });
      expect(await reader.readOrder(order.orderId)).toEqual(pendingOf(order));
    });

    test("an order that nobody marked is not put in", async () => {
      const [marked, unmarked] = [orderDocument(), orderDocument()];
      await mark(marked);
      const owner = cache.owner(latest);
      await owner.apply([effects(1, told(unmarked))]);
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
      expect(await owner.apply([effects(5, told(orderDocument())), other])).toMatchObject({ fenced: [3] });
      expect(await reader.readStock("p1")).toEqual(hit(2, 2));
    });

    test("PostgreSQL is asked once an epoch, and again after a flush", async () => {
      let asked = 0;
      const owner = cache.owner(() => Promise.resolve(++asked > 0));
      for (let version = 1; version <= 3; version++) await owner.apply([effects(5, stock(9, version))]);
      expect(asked).toBe(1);
      await cache.flush();
      const { now } = await owner.apply([effects(5, stock(9, 4))]);
      expect(asked).toBe(2);
      await owner.apply([effects(5, { ...stock(9, 4), noted: now })]);
      expect(asked).toBe(2);
      expect(await reader.readStock("p1")).toEqual(hit(9, 4));
    });

    test("a late owner that asked before the takeover is refused after it", async () => {
      const { proof, wasAsked, release } = heldProof();
      const late = cache.owner(proof).apply([effects(5, stock(9, 1))]);
      await wasAsked;
      await cache.owner(latest).apply([effects(6, stock(8, 2))]);
      release();
      expect(await late).toMatchObject({ fenced: [3] });
      expect(await reader.readStock("p1")).toEqual(hit(8, 2));
    });

    test("a late owner that asked before takeover and flush can't fill the emptied cache", async () => {
      const { proof, wasAsked, release, calls } = heldProof();
      const late = cache.owner(proof).apply([effects(5, stock(9, 1))]);
      await wasAsked;
      await cache.owner(latest).apply([effects(6, stock(8, 2))]);
      await cache.flush();
      release();
      expect(await late).toMatchObject({ fenced: [3] });
      expect(calls()).toBe(2);
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });

    test("an owner that is not the home's takes an older quantity away, and a home that decided before it fills no place of it", async () => {
      const [home, other] = [cache.owner(latest), cache.owner(latest)];
      await home.apply([effects(1, stock(9, 2))]);
      const { now } = await other.apply([effects(1, { partition: 4, ...revoked(3) })]);
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
      await home.apply([effects(1, stock(9, 2))]);
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
      await cache.lose("p1");
      await home.apply([effects(1, { stock: [...stock(9, 2).stock, ...stock(5, 1, "p2").stock] })]);
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
      expect(await reader.readStock("p2")).toEqual(hit(5, 1));
      await home.apply([effects(1, { ...stock(7, 4), noted: now })]);
      expect(await reader.readStock("p1")).toEqual(hit(7, 4));
    });

    test("a revocation leaves what is as new, and never lowers its guard", async () => {
      await cache.owner(latest).apply([effects(1, stock(9, 5))]);
      const other = cache.owner(latest);
      for (const version of [5, 4]) await other.apply([effects(1, { partition: 4, ...revoked(version) })]);
      expect(await reader.readStock("p1")).toEqual(hit(9, 5));
      await cache.expireQuantity("p1");
      await other.apply([effects(1, { partition: 4, ...revoked(3) })]);
      const { now } = await cache.owner(latest).apply([effects(1)]);
      await cache.owner(latest).apply([effects(1, { ...stock(8, 4), noted: now })]);
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });

    test("a revocation takes a reader's token away", async () => {
      const miss = await reader.readStock("p1");
      if (miss.kind !== "miss" || miss.token === null) throw new Error("a token was expected");
      await cache.owner(latest).apply([effects(1, { partition: 4, ...revoked(8) })]);
      await reader.refillStock({ productId: "p1", token: miss.token, stock: { quantity: 4, version: 8 } });
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });

    test("what was decided before the cache was emptied is not put in, and takes away what is older", async () => {
      const owner = cache.owner(latest);
      const before = noted;
      await owner.apply([effects(1, stock(9, 2))]);
      await cache.flush();
      const { now } = await owner.apply([effects(1)]);
      expect(now.incarnation).not.toBe(before.incarnation);
      const miss = await reader.readStock("p1");
      if (miss.kind !== "miss" || miss.token === null) throw new Error("a token was expected");
      await reader.refillStock({ productId: "p1", token: miss.token, stock: { quantity: 9, version: 2 } });
      await owner.apply([effects(1, stock(8, 3))]);
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
      // What comes of it is nobody else's matter: the next one, noted in time, is put in.
      await owner.apply([effects(1, { ...stock(7, 4), noted: now })]);
      expect(await reader.readStock("p1")).toEqual(hit(7, 4));
    });

    test("once more partitions are known, who counts fewer is nobody's home, nor who noted fewer", async () => {
      const home = cache.owner(latest);
      const grown = await look({ partitionCount: 2 * partitionCount });
      expect(grown.partitionCount).toBe(2 * partitionCount);
      await home.apply([effects(1, { ...stock(9, 2), noted: grown })]);
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
      await home.apply([effects(1, { ...stock(9, 2, "p2"), partitionCount: 2 * partitionCount })]);
      expect(await reader.readStock("p2")).toMatchObject({ kind: "miss" });
      const { now } = await home.apply([effects(1, { ...stock(9, 2, "p2"), partitionCount, noted: grown })]);
      await home.apply([effects(1, { ...stock(8, 3, "p2"), partitionCount: 2 * partitionCount, noted: now })]);
      expect(await reader.readStock("p2")).toEqual(hit(8, 3));
    });

    test("who counts fewer partitions revokes, also what a home of the new count decided before it", async () => {
      const grown = await look({ partitionCount: 2 * partitionCount });
      await cache.owner(latest).apply([effects(1, { ...stock(9, 6), noted: grown })]);
      await cache.lose("p1");
      const newHome = { partition: 15, partitionCount: 2 * partitionCount, noted: grown };
      await cache.owner(latest).apply([effects(1, { ...stock(10, 5), ...newHome })]);
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
    });

    test("an owner that has noted nothing yet puts nothing in, and is told what to note", async () => {
      const owner = cache.owner(latest);
      const { now } = await owner.apply([effects(1, { ...stock(9, 2), noted: nothingNoted })]);
      expect(now).toEqual(noted);
      expect(await reader.readStock("p1")).toMatchObject({ kind: "miss" });
      await owner.apply([effects(1, { ...stock(9, 2), noted: now })]);
      expect(await reader.readStock("p1")).toEqual(hit(9, 2));
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
