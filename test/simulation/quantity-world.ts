/**
 * Owners, readers and a cache that loses things, one small step at a time and in any order; of the rest of Tallyman only what
 * matters to a cached quantity. Owners do as the effects do: they note the cache's moment before they decide, tell in the order
 * of their commits, and read back what they must (P15, P16). A partition's late owners go on until the end.
 */
import assert from "node:assert/strict";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { createMemoryCache } from "../../src/stores/memory/effects-cache.ts";
import type { CacheGuardName } from "../../src/stores/memory/effects-cache.ts";
import type { CacheMoment } from "../../src/stores/effects-cache.ts";

/** At home on partition 0 and 1 of 2; on 0, 3, 2 and 1 of 4. */
export const products = ["a", "f", "c", "d"];
export const counts = { before: 2, after: 4 };

export type QuantityStep =
  | { readonly do: "note" | "commit" | "tell" | "take over" | "learn"; readonly partition: number }
  | { readonly do: "wake late owner"; readonly late: number }
  | { readonly do: "miss" | "ask" | "refill" | "lose" | "expire"; readonly product: number }
  /** Into a group that is noted and not committed, or into one that is committed at once. */
  | { readonly do: "decide" | "decide alone"; readonly partition: number; readonly product: number }
  | { readonly do: "flush" };

type Told = { readonly noted: CacheMoment; readonly versions: ReadonlyMap<string, number> };

type Owner = {
  readonly partition: number;
  readonly epoch: number;
  partitionCount: number;
  moment: CacheMoment;
  /** Noted, and what is to be decided with it, before the commit. */
  open: { readonly noted: CacheMoment; readonly products: Set<string> } | undefined;
  /** Committed and not told, in order. */
  queue: Told[];
  /** What has to be read back before it can be told; null: nothing, and what is committed is told as it was decided. */
  behind: Set<string> | null;
};

/** Besides the cache's own guards: that owners read back what they told to a cache that had changed meanwhile. */
export type QuantityGuardName = CacheGuardName | "read back";

export async function runQuantities(
  steps: readonly QuantityStep[],
  without: readonly QuantityGuardName[],
): Promise<void> {
  const cache = createMemoryCache({ now: () => 0, without: without.filter((name) => name !== "read back") });
  const reader = cache.readCache();
  const versions = new Map<string, number>();
  const epochs = new Map<number, number>();
  /** Of a partition: what no owner has told yet, which a new owner reads back. */
  const untold = new Map<number, Set<string>>();
  const proof = (partition: number, epoch: number): Promise<boolean> =>
    Promise.resolve(epochs.get(partition) === epoch);
  const written = cache.effectsCache(proof);

  const claim = (partition: number): Owner => {
    const epoch = (epochs.get(partition) ?? 0) + 1;
    epochs.set(partition, epoch);
    const left = untold.get(partition) ?? new Set();
    const behind = left.size === 0 ? null : new Set(left);
    // Its process has been there before, and has seen the cache lately.
    return {
      partition,
      epoch,
      partitionCount: counts.before,
      moment: cache.moment(),
      open: undefined,
      queue: [],
      behind,
    };
  };
  const owners = Array.from({ length: counts.after }, (_, partition) => claim(partition));
  const late: Owner[] = [];
  const misses = new Map<string, { token: string; version: number | undefined }>();

  const note = (owner: Owner | undefined): void => {
    if (owner !== undefined) owner.open ??= { noted: owner.moment, products: new Set() };
  };
  const commit = (owner: Owner | undefined): void => {
    if (owner?.open === undefined) return;
    const { noted, products: decided } = owner.open;
    owner.open = undefined;
    if (epochs.get(owner.partition) !== owner.epoch || decided.size === 0) return;
    for (const id of decided) versions.set(id, (versions.get(id) ?? 0) + 1);
    const behind = untold.get(owner.partition) ?? new Set();
    untold.set(owner.partition, new Set([...behind, ...decided]));
    if (owner.behind !== null) for (const id of decided) owner.behind.add(id);
    else owner.queue.push({ noted, versions: new Map([...decided].map((id) => [id, versions.get(id) ?? 0])) });
  };
  const readBack = (owner: Owner | undefined): void => {
    if (owner === undefined || owner.behind === null || owner.queue.length > 0) return;
    const read = new Map([...owner.behind].map((id) => [id, versions.get(id) ?? 0]));
    owner.behind = read.size === 0 ? null : new Set();
    if (read.size > 0) owner.queue = [{ noted: owner.moment, versions: read }];
  };
  const tell = async (owner: Owner | undefined): Promise<void> => {
    const item = owner?.queue.shift();
    if (item === undefined) readBack(owner);
    if (owner === undefined || item === undefined) return;
    const { partition, epoch, partitionCount: count } = owner;
    const stock = [...item.versions].map(([productId, version]) => {
      return { productId, quantity: version, version, isHome: partitionOf(productId, count) === partition };
    });
    const effects = { partition, epoch, partitionCount: count, noted: item.noted, stock, orders: [] };
    const { fenced, now } = await written.apply([effects]);
    if (fenced.length > 0) {
      Object.assign(owner, { queue: [], behind: null, open: undefined });
      return;
    }
    owner.moment = now;
    const isSame = item.noted.incarnation === now.incarnation && item.noted.partitionCount === now.partitionCount;
    if (!isSame && !without.includes("read back")) {
      const again = [item, ...owner.queue].flatMap((each) => [...each.versions.keys()]);
      owner.behind = new Set([...again, ...(owner.behind ?? [])]);
      owner.queue = [];
    }
    const left = owner.queue.flatMap((each) => [...each.versions.keys()]);
    if (epochs.get(partition) === epoch) untold.set(partition, new Set([...left, ...(owner.behind ?? [])]));
  };
  const finish = async (owner: Owner): Promise<void> => {
    for (let tries = 0; owner.queue.length > 0 || owner.behind !== null; tries += 1) {
      assert(tries < 50, "an owner has told everything after a while");
      await tell(owner);
    }
  };

  const perform = async (step: QuantityStep): Promise<void> => {
    const product = "product" in step ? (products[step.product] ?? "") : "";
    const owner = "partition" in step ? owners[step.partition] : undefined;
    const miss = misses.get(product);
    switch (step.do) {
      case "note":
        note(owner);
        return;
      case "decide":
        note(owner);
        owner?.open?.products.add(product);
        return;
      case "decide alone":
        note(owner);
        owner?.open?.products.add(product);
        commit(owner);
        return;
      case "commit":
        commit(owner);
        return;
      case "tell":
        return tell(owner);
      case "wake late owner":
        return tell(late[step.late % Math.max(1, late.length)]);
      case "take over":
        if (owner !== undefined) late.push(owner);
        owners[step.partition] = claim(step.partition);
        return;
      case "learn":
        if (owner !== undefined) owner.partitionCount = counts.after;
        return;
      case "miss": {
        const found = await reader.readStock(product);
        if (found.kind === "miss" && found.token !== null)
          misses.set(product, { token: found.token, version: undefined });
        return;
      }
      case "ask":
        if (miss !== undefined) miss.version ??= versions.get(product) ?? 0;
        return;
      case "refill":
        if (miss?.version === undefined) return;
        misses.delete(product);
        await reader.refillStock({
          productId: product,
          token: miss.token,
          stock: { quantity: miss.version, version: miss.version },
        });
        return;
      case "lose":
        cache.lose(product);
        return;
      case "expire":
        cache.expireQuantity(product);
        return;
      case "flush":
        cache.flush();
        return;
    }
  };

  await written.apply(
    owners.map(({ partition, epoch, partitionCount, moment: noted }) => {
      return { partition, epoch, partitionCount, noted, stock: [], orders: [] };
    }),
  );
  for (const owner of owners) owner.moment = cache.moment();
  for (const step of steps) await perform(step);
  for (const owner of owners) commit(owner);
  for (const owner of owners) await finish(owner);
  for (const owner of late) while (owner.queue.length > 0) await tell(owner);
  for (const product of products.keys()) await perform({ do: "refill", product });
  for (const id of products) {
    const cached = cache.quantityOf(id);
    if (cached !== undefined) assert.equal(cached, versions.get(id) ?? 0, `the cached quantity of ${id}`);
  }
}
