/**
 * Effects: what the world is told after a commit (P15). They have their own queue, so that a slow cache holds up no commit.
 *
 * Who owns what: this object owns its queue and the set of leases that are behind, and moves each lease's `effectsDone`.
 *
 * I1 A lease's effects run in the order of its commits, and `effectsDone` moves only over what was told: a crash repeats,
 *    and never skips.
 * I2 A lease is either live (its effects come through the queue) or behind (they are read back from the ledger, from
 *    `effectsDone` on). It becomes behind by any failure and when the queue is full, and live again when it has caught up.
 * I3 One loop runs at a time; it ends when there is nothing to do.
 * I4 What is written into the cache goes with the moment of the cache that was noted before it was decided, or read back.
 *    Where the cache has lost what it had since, or learnt of more partitions, the lease's effects are read back (P16).
 */
import { noticeOf } from "../schemas/decision-feed.ts";
import type { DecisionMessage } from "../schemas/decision-feed.ts";
import type { Stock, StoredLine } from "../schemas/lines.ts";
import { decidedOrder } from "../schemas/order-document.ts";
import { partitionOf } from "../partitioning/partition-of.ts";
import { nothingNoted } from "../stores/effects-cache.ts";
import type { CacheMoment, OrderEffect, PartitionEffects, StockEffect } from "../stores/effects-cache.ts";
import type { CommitReceipt } from "../stores/ledger-store.ts";
import type { DecidedGroup } from "./decide-group.ts";
import type { Chunk, Lease } from "./lease.ts";
import { backoffMs } from "./processor-deps.ts";
import type { ProcessorDeps } from "./processor-deps.ts";

type Part = {
  readonly lease: Lease;
  readonly from: number;
  readonly to: number;
  readonly effects: PartitionEffects;
};

type Item = { readonly parts: readonly Part[]; readonly message: DecisionMessage; readonly commands: number };

type EffectsDeps = Pick<ProcessorDeps, "cache" | "partitionCount" | "store" | "sleep" | "log" | "metrics" | "limits">;

export class Effects {
  readonly #deps: EffectsDeps;
  readonly #lost: (lease: Lease) => void;
  #queue: Item[] = [];
  #backlog = 0;
  readonly #behind = new Set<Lease>();
  #failures = 0;
  /** What the cache was when it answered last. */
  #moment = nothingNoted;
  #running: Promise<void> | undefined;

  /** `lost` is told of a lease whose epoch turned out to be old. */
  constructor(deps: EffectsDeps, lost: (lease: Lease) => void) {
    this.#deps = deps;
    this.#lost = lost;
  }

  /** To be noted before a group is decided (I4). */
  moment(): CacheMoment {
    return this.#moment;
  }

  /** Tells what a group decided, once it is the group's turn; `noted` before it was decided. Never throws, never waits. */
  decided(group: DecidedGroup, chunks: readonly Chunk[], receipt: CommitReceipt, noted: CacheMoment): void {
    const commands = group.answers.length;
    const full = this.#backlog + commands > this.#deps.limits.effectsQueueCommandsMax;
    const parts: Part[] = [];
    for (const part of partsOf(group, chunks, receipt, { noted, partitionCount: this.#deps.partitionCount() })) {
      const { lease } = part;
      if (full || this.#behind.has(lease) || lease.effectsQueued !== part.from) {
        this.#behind.add(lease); // I2
      } else {
        lease.effectsQueued = part.to;
        parts.push(part);
      }
    }
    if (!full) {
      const decisions = group.answers.map(({ line }) => noticeOf(line));
      this.#queue.push({ parts, message: { decidedAt: receipt.decidedAt, decisions }, commands });
      this.#add(commands);
    }
    this.#start();
  }

  /** The lease's effects from `effectsDone` on are read back from the ledger. */
  behind(lease: Lease): void {
    this.#behind.add(lease);
    this.#start();
  }

  /** Resolves when everything has been told; does not while the cache is away. */
  idle(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  #add(commands: number): void {
    this.#backlog += commands;
    this.#deps.metrics.effectsBacklogCommands.set(this.#backlog);
  }

  #start(): void {
    // Begun a step later: whatever the loop calls at once may call this again, and must find it running (I3).
    this.#running ??= Promise.resolve().then(() => this.#loop());
  }

  async #loop(): Promise<void> {
    const { sleep, limits, log } = this.#deps;
    for (;;) {
      const items = this.#queue;
      this.#queue = [];
      const [behind] = this.#behind;
      try {
        if (items.length === 0 && behind === undefined) {
          // At once, not when the promise settles: what comes in between would wait for somebody else to come (I3).
          this.#running = undefined;
          return;
        }
        if (items.length > 0) await this.#tell(items);
        // A page after each item, so that a busy queue can't starve a lease that is behind.
        if (behind !== undefined) await this.#replay(behind);
        if (this.#failures > 0) log.info({}, "effects go on");
        this.#failures = 0;
      } catch (error) {
        this.#failures += 1;
        const line = { err: error, failures: this.#failures };
        if (this.#failures === 1) log.warn(line, "effects wait; they will be read back from the ledger");
        else log.debug(line, "effects still wait");
        await sleep(backoffMs(limits, this.#failures));
      }
    }
  }

  async #tell(items: readonly Item[]): Promise<void> {
    // A part of a lease that fell behind meanwhile would skip what failed (I1): it is read back with the rest.
    const parts = items
      .flatMap((item) => item.parts)
      .filter(({ lease }) => !lease.isAborted() && !this.#behind.has(lease));
    try {
      await this.#apply(parts);
      for (const { message } of items) await this.#deps.cache.publish(message);
      // One that has to be read back is not done (I4).
      for (const { lease, to } of parts) if (!lease.isAborted() && !this.#behind.has(lease)) lease.effectsDone = to;
    } catch (error) {
      for (const { lease } of parts) this.#behind.add(lease); // I2
      throw error;
    } finally {
      for (const item of items) this.#add(-item.commands);
    }
  }

  /**
   * A lease that is fenced is lost: whoever has the partition now tells its effects, which is us again perhaps (P9). One whose
   * quantities were decided or read before the cache lost what it had is behind (I4).
   */
  async #apply(parts: readonly Pick<Part, "lease" | "effects">[]): Promise<void> {
    if (parts.length === 0) return;
    const { fenced, now } = await this.#deps.cache.apply(parts.map(({ effects }) => effects));
    this.#moment = now;
    for (const { lease, effects } of parts) {
      if (!isSameCache(effects.noted, now)) this.#behind.add(lease);
    }
    if (fenced.length === 0) return;
    this.#deps.metrics.fenced.inc(fenced.length);
    for (const lease of new Set(parts.map((part) => part.lease)))
      if (fenced.includes(lease.partition)) this.#lost(lease);
  }

  /** Reads one page of the lease's lines back and tells it; the lease is live again when nothing is left. */
  async #replay(lease: Lease): Promise<void> {
    const { store, limits, cache } = this.#deps;
    const { effectsDone: from, committed: to } = lease;
    const noted = this.#moment;
    if (lease.isAborted() || from >= to) {
      this.#behind.delete(lease);
      lease.effectsQueued = from;
      return;
    }
    const lines = await store.linesBetween(lease.partition, from, to, limits.effectsReplayLinesMax);
    const named = lines.flatMap((line) => (line.orderId === null ? [] : [line.orderId]));
    const orders = named.length === 0 ? [] : [...(await store.linesById(named)).values()];
    // The stock as it is now, not as each line left it: an old one must not get into a cache that was emptied (P16).
    const productIds = [...new Set(lines.map((line) => line.productId))];
    const { stock } = await store.prefetch({ productIds, commandIds: [], versions: [] });
    const told = { noted, partitionCount: this.#deps.partitionCount() };
    await this.#apply([{ lease, effects: replayedEffects(lease, stock, [...lines, ...orders], told) }]);
    if (lease.isAborted() || !isSameCache(noted, this.#moment)) return;
    const decidedAt = lines.at(-1)?.decidedAt;
    if (decidedAt !== undefined) await cache.publish({ decidedAt, decisions: lines.map((line) => noticeOf(line)) });
    // Lines may share an offset: the last one of a full page may not be the last of its offset.
    const last = lines.length < limits.effectsReplayLinesMax ? undefined : lines.at(-1);
    lease.effectsDone = last === undefined ? to : Math.max(last.offset, from + 1);
  }
}

type Told = Pick<PartitionEffects, "noted" | "partitionCount">;

function partsOf(group: DecidedGroup, chunks: readonly Chunk[], { decidedAt }: CommitReceipt, told: Told): Part[] {
  const parts = new Map<number, Part & { stock: StockEffect[]; orders: OrderEffect[] }>();
  for (const { lease, from, to } of chunks) {
    const before = parts.get(lease.partition);
    const stock = before?.stock ?? [];
    const orders = before?.orders ?? [];
    const effects = { partition: lease.partition, epoch: lease.epoch, ...told, stock, orders };
    parts.set(lease.partition, { lease, from: before?.from ?? from, to, effects, stock, orders });
  }
  for (const { partitions, productId, stock } of group.products) {
    if (stock === undefined) continue;
    const home = partitionOf(productId, told.partitionCount);
    for (const partition of partitions) {
      parts.get(partition)?.stock.push({ productId, ...stock, isHome: partition === home });
    }
  }
  for (const { partition, line } of group.orders) {
    const at = "decidedAt" in line ? line.decidedAt : decidedAt;
    parts.get(partition)?.orders.push({ orderId: line.commandId, document: () => decidedOrder(line, at) });
  }
  return [...parts.values()];
}

function replayedEffects(
  lease: Lease,
  stock: ReadonlyMap<string, Stock>,
  lines: readonly StoredLine[],
  told: Told,
): PartitionEffects {
  const orders = lines
    .filter((line) => line.type === "PlaceOrder")
    .map((line) => ({ orderId: line.commandId, document: () => decidedOrder(line, line.decidedAt) }));
  return {
    partition: lease.partition,
    epoch: lease.epoch,
    ...told,
    stock: [...stock].map(([productId, now]) => {
      return { productId, ...now, isHome: partitionOf(productId, told.partitionCount) === lease.partition };
    }),
    orders,
  };
}

function isSameCache(one: CacheMoment, other: CacheMoment): boolean {
  return one.incarnation === other.incarnation && one.partitionCount === other.partitionCount;
}
