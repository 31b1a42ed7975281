/**
 * The cache in memory, for the simulation and for tests: both sides of Redis over one state, with the same rules (P16,
 * P17) and the same steps that others may come between: the owner's proof is awaited where the Redis adapter awaits it.
 * It passes the contract suite that the Redis adapters pass (test/contract/effects-cache.test.ts).
 */
import { randomUUID } from "node:crypto";
import { limits } from "../../limits.ts";
import type { ChangeTeller } from "../change-teller.ts";
import type { DecisionMessage } from "../../schemas/decision-feed.ts";
import type { OrderDocument } from "../../schemas/order-document.ts";
import { CacheUnavailable } from "../effects-cache.ts";
import type { CacheMoment, EffectsCache, OwnershipProof, PartitionEffects, StockEffect } from "../effects-cache.ts";
import type { ReadCache } from "../read-cache.ts";

type Kept<Value> = { readonly value: Value; readonly until: number };

/** A map whose entries end by the clock given. */
class ExpiringMap<Value> {
  readonly #entries = new Map<string, Kept<Value>>();
  readonly #now: () => number;
  constructor(now: () => number) {
    this.#now = now;
  }
  get(key: string): Value | undefined {
    const kept = this.#entries.get(key);
    if (kept !== undefined && kept.until > this.#now()) return kept.value;
    this.#entries.delete(key);
    return undefined;
  }
  set(key: string, value: Value, lifetimeMs: number): void {
    this.#entries.set(key, { value, until: this.#now() + lifetimeMs });
  }
  delete(key: string): void {
    this.#entries.delete(key);
  }
  clear(): void {
    this.#entries.clear();
  }
}

/**
 * Guards that can be taken out one by one, so that a simulation can show that it notices: the owner's `epoch`; the
 * `incarnation` from before its proof; the `version` of what is there; a reader's `token`; the `home` of a product; the `moment`
 * noted; the `count` of partitions that is known; and the `revocation` since the moment noted.
 */
export type CacheGuardName = "epoch" | "incarnation" | "version" | "token" | "home" | "moment" | "count" | "revocation";

export type MemoryCacheOptions = {
  readonly now?: () => number;
  readonly refillTokenTtlMs?: number;
  readonly without?: readonly CacheGuardName[];
};
export type MemoryCache = ReturnType<typeof createMemoryCache>;

export function createMemoryCache(options: MemoryCacheOptions = {}) {
  const { now = Date.now, refillTokenTtlMs = limits.refillTokenTtlMs, without = [] } = options;
  const guards = (name: CacheGuardName): boolean => !without.includes(name);
  const quantities = new ExpiringMap<number>(now);
  const versions = new ExpiringMap<number>(now);
  const tokens = new ExpiringMap<string>(now);
  const orders = new ExpiringMap<OrderDocument>(now);
  const epochs = new Map<number, number>();
  /** By product, the number of its last revocation. */
  const revoked = new Map<string, number>();
  const listeners = new Set<(message: DecisionMessage) => void>();
  let incarnation = randomUUID();
  let partitionCount = 0;
  let revocations = 0;
  let tokenNumber = 0;
  let away = false;

  const moment = (): CacheMoment => ({ incarnation, partitionCount, revocations });
  const isCurrent = (noted: CacheMoment): boolean =>
    !guards("moment") || (noted.incarnation === incarnation && noted.partitionCount === partitionCount);
  const wasRevoked = (productId: string, noted: CacheMoment): boolean =>
    guards("revocation") && (revoked.get(productId) ?? 0) > noted.revocations;
  const writeStock = ({ productId, quantity, version }: StockEffect): void => {
    if (guards("version") && version < (versions.get(productId) ?? -1)) return;
    quantities.set(productId, quantity, limits.productQuantityTtlSeconds * 1000);
    versions.set(productId, version, limits.productVersionTtlSeconds * 1000);
  };
  const revokeStock = ({ productId, version }: StockEffect): void => {
    const guard = versions.get(productId) ?? -1;
    if (guard < version) quantities.delete(productId);
    versions.set(productId, Math.max(guard, version), limits.productVersionTtlSeconds * 1000);
  };
  const write = ({ partition, epoch, partitionCount: count, noted, stock, orders: documents }: PartitionEffects) => {
    const known = epochs.get(partition) ?? -1;
    if (known !== epoch && (guards("epoch") || known < 0)) return known > epoch ? "fenced" : "epoch_unknown";
    partitionCount = Math.max(partitionCount, count);
    for (const effect of stock) {
      const { productId } = effect;
      const isHome = (effect.isHome || !guards("home")) && (count === partitionCount || !guards("count"));
      if (isHome && isCurrent(noted) && !wasRevoked(productId, noted)) writeStock(effect);
      else revokeStock(effect);
      if (!isHome) revoked.set(productId, ++revocations);
      if (guards("token")) tokens.delete(productId);
    }
    for (const { orderId, document } of documents) {
      const known = orders.get(orderId);
      if (known === undefined) continue;
      const order = document();
      if (order.revision >= known.revision) orders.set(orderId, order, limits.orderTtlSeconds * 1000);
    }
    return "written";
  };
  const applyOne = async (effects: PartitionEffects, proof: OwnershipProof): Promise<boolean> => {
    for (;;) {
      const outcome = write(effects);
      if (outcome !== "epoch_unknown") return outcome === "written";
      const before = incarnation;
      if (!(await proof(effects.partition, effects.epoch))) return false;
      reachable();
      const known = epochs.get(effects.partition) ?? -1;
      if ((before === incarnation || !guards("incarnation")) && known < effects.epoch) {
        epochs.set(effects.partition, effects.epoch);
      }
    }
  };
  const reachable = () => {
    if (away) throw new CacheUnavailable("the memory cache is switched off");
  };
  /** Runs at once, as one step; a failure rejects, as with Redis. */
  const step = <Result>(work: () => Result): Promise<Result> =>
    Promise.resolve().then(() => {
      reachable();
      return work();
    });

  return {
    effectsCache: (proof: OwnershipProof): EffectsCache => ({
      apply: async (effects) => {
        await step(() => undefined);
        const fenced: number[] = [];
        for (const each of effects) if (!(await applyOne(each, proof))) fenced.push(each.partition);
        return { fenced, now: moment() };
      },
      publish: (message) => step(() => listeners.forEach((listener) => listener(message))),
    }),
    readCache: (): ReadCache => ({
      readStock: (productId) =>
        step(() => {
          const [quantity, version] = [quantities.get(productId), versions.get(productId)];
          if (quantity !== undefined && version !== undefined) return { kind: "hit", stock: { quantity, version } };
          if (tokens.get(productId) !== undefined) return { kind: "miss", token: null };
          const token = `token-${++tokenNumber}`;
          tokens.set(productId, token, refillTokenTtlMs);
          return { kind: "miss", token };
        }),
      peekStocks: (productIds) =>
        step(() =>
          productIds.map((productId) => {
            const [quantity, version] = [quantities.get(productId), versions.get(productId)];
            return quantity !== undefined && version !== undefined ? { quantity, version } : null;
          }),
        ),
      refillStock: ({ productId, token, stock }) =>
        step(() => {
          if (guards("token") && tokens.get(productId) !== token) return;
          tokens.delete(productId);
          if (quantities.get(productId) !== undefined || (versions.get(productId) ?? -1) > stock.version) return;
          quantities.set(productId, stock.quantity, limits.productQuantityTtlSeconds * 1000);
          versions.set(productId, stock.version, limits.productVersionTtlSeconds * 1000);
        }),
      readOrder: (orderId) => step(() => orders.get(orderId) ?? null),
      markPending: (orderId, json) =>
        step(() => {
          if (orders.get(orderId) !== undefined) return;
          orders.set(orderId, JSON.parse(json) as OrderDocument, limits.orderTtlSeconds * 1000);
        }),
    }),
    changeTeller: (): ChangeTeller => ({
      tell: (changes) =>
        step(() => {
          const told = { stock: [], orders: [], ...changes };
          listeners.forEach((listener) => listener({ decidedUpTo: [], decidedAt: 0, decisions: [], changes: told }));
        }),
    }),
    /** Hears what is published; returns how to stop. */
    subscribe: (listener: (message: DecisionMessage) => void): (() => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Everything is lost, as when Redis is emptied. */
    flush: (): void => {
      for (const map of [quantities, versions, tokens, orders, epochs, revoked]) map.clear();
      incarnation = randomUUID();
      partitionCount = 0;
      revocations = 0;
    },
    /** All that the cache has of the product is lost, as when memory runs short. */
    lose: (productId: string): void => {
      for (const map of [quantities, versions, tokens]) map.delete(productId);
    },
    /** While true, every call rejects with `CacheUnavailable`. */
    setAway: (value: boolean): void => void (away = value),
    /** Takes the quantity away as its expiry would, and leaves what guards it. */
    expireQuantity: (productId: string): void => quantities.delete(productId),
    moment,
    /** What a look into Redis would show, for a test's last check. */
    quantityOf: (productId: string): number | undefined => quantities.get(productId),
    orderOf: (orderId: string): OrderDocument | undefined => orders.get(orderId),
  };
}
