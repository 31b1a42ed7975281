/**
 * Effects: the cache and the apis are told what was committed (P15). The queue, and how what failed is told later, is the
 * outlet's (outlet.ts).
 *
 * Who owns what: this object owns what it knows of the cache's moment.
 *
 * I1 What is written into the cache goes with the moment of the cache that was noted before it was decided, or read back.
 *    Where the cache has lost what it had since, or learnt of more partitions, the lease's effects are read back (P16).
 * I2 Pages count no more by the time somebody is told that a product of theirs was archived or restored (src/stores/page-cache.ts).
 */
import { noticeOf, stockNotice } from "../schemas/decision-feed.ts";
import type { Changes, DecisionMessage } from "../schemas/decision-feed.ts";
import type { Line, Stock, StoredLine } from "../schemas/lines.ts";
import { decidedOrder } from "../schemas/order-document.ts";
import { partitionOf } from "../partitioning/partition-of.ts";
import { nothingNoted } from "../stores/effects-cache.ts";
import type { CacheMoment, OrderEffect, PartitionEffects, StockEffect } from "../stores/effects-cache.ts";
import type { CommitReceipt } from "../stores/ledger-store.ts";
import { productScope, shelfScope } from "../stores/page-cache.ts";
import type { DecidedGroup } from "./decide-group.ts";
import type { Chunk, Lease } from "./lease.ts";
import { Outlet } from "./outlet.ts";
import type { Part } from "./outlet.ts";
import type { ProcessorDeps } from "./processor-deps.ts";
import { isCancelledBeforePlaced } from "./stock.ts";

/** `shelved`: products that were archived or restored, or may have been. */
type Content = PartitionEffects & { readonly shelved: readonly string[] };
type EffectsPart = Part<Content>;

type EffectsDeps = Pick<
  ProcessorDeps,
  "cache" | "pages" | "partitionCount" | "store" | "sleep" | "log" | "metrics" | "limits"
>;

export class Effects {
  readonly #deps: EffectsDeps;
  readonly #lost: (lease: Lease) => void;
  readonly #outlet: Outlet<Content, DecisionMessage>;
  /** What the cache was when it answered last. */
  #moment = nothingNoted;

  /** `lost` is told of a lease whose epoch turned out to be old. */
  constructor(deps: EffectsDeps, lost: (lease: Lease) => void) {
    this.#deps = deps;
    this.#lost = lost;
    this.#outlet = new Outlet(deps, {
      name: "effects",
      told: (lease) => lease.effects,
      tell: (parts, messages) => this.#tell(parts, messages),
      replay: (lease, from, to) => this.#replay(lease, from, to),
      backlog: (commands) => deps.metrics.effectsBacklogCommands.set(commands),
    });
  }

  /** To be noted before a group is decided (I1). */
  moment(): CacheMoment {
    return this.#moment;
  }

  /** Tells what a group decided, once it is the group's turn; `noted` before it was decided. Never throws, never waits. */
  decided(group: DecidedGroup, chunks: readonly Chunk[], receipt: CommitReceipt, noted: CacheMoment): void {
    const parts = partsOf(group, chunks, receipt, { noted, partitionCount: this.#deps.partitionCount() });
    const decisions = group.answers.map(({ line }) => noticeOf(line));
    const decidedUpTo = parts.map(({ lease, to }) => [lease.partition, to] as const);
    const message = { decidedUpTo, decidedAt: receipt.decidedAt, decisions, changes: changesOf(group) };
    this.#outlet.decided(parts, message, decisions.length);
  }

  /** The lease's effects are read back from the ledger, from where they are done. */
  behind(lease: Lease): void {
    this.#outlet.behind(lease);
  }

  /** To be awaited before more is committed; undefined: nothing is. */
  room(): Promise<void> | undefined {
    return this.#outlet.room();
  }

  /** Resolves when everything has been told; does not while the cache is away. */
  idle(): Promise<void> {
    return this.#outlet.idle();
  }

  async #tell(parts: readonly EffectsPart[], messages: readonly DecisionMessage[]): Promise<ReadonlySet<Lease>> {
    const again = await this.#apply(parts);
    for (const message of messages) await this.#deps.cache.publish(message);
    return again;
  }

  /**
   * A lease that is fenced is lost: whoever has the partition now tells its effects, which is us again perhaps (P9). Resolves to
   * those whose quantities were decided or read before the cache lost what it had (I1).
   */
  async #apply(parts: readonly Pick<EffectsPart, "lease" | "content">[]): Promise<ReadonlySet<Lease>> {
    const again = new Set<Lease>();
    if (parts.length === 0) return again;
    const { fenced, now } = await this.#deps.cache.apply(parts.map(({ content }) => content));
    this.#moment = now;
    const shelved = new Set(parts.flatMap(({ content }) => content.shelved));
    if (shelved.size > 0) await this.#deps.pages?.touch([...[...shelved].map(productScope), shelfScope]); // I2
    for (const { lease, content } of parts) {
      if (!isSameCache(content.noted, now)) again.add(lease);
    }
    if (fenced.length === 0) return again;
    this.#deps.metrics.fenced.inc(fenced.length);
    for (const lease of new Set(parts.map((part) => part.lease)))
      if (fenced.includes(lease.partition)) this.#lost(lease);
    return again;
  }

  async #replay(lease: Lease, from: number, to: number): Promise<number> {
    const { store, limits, cache } = this.#deps;
    const noted = this.#moment;
    const lines = await store.linesBetween(lease.partition, from, to, limits.effectsReplayLinesMax);
    const named = lines.flatMap((line) => (line.orderId === null ? [] : [line.orderId]));
    const orders = named.length === 0 ? [] : [...(await store.linesById(named)).values()];
    // The stock as it is now, not as each line left it: an old one must not get into a cache that was emptied (P16).
    const productIds = [...new Set(lines.map((line) => line.productId))];
    const { stock } = await store.prefetch({ productIds, commandIds: [], versions: [] });
    const told = { noted, partitionCount: this.#deps.partitionCount() };
    const again = await this.#apply([{ lease, content: replayedEffects(lease, stock, [...lines, ...orders], told) }]);
    if (lease.isAborted() || again.has(lease)) return from;
    const decidedAt = lines.at(-1)?.decidedAt;
    // Lines may share an offset: the last one of a full page may not be the last of its offset.
    const last = lines.length < limits.effectsReplayLinesMax ? undefined : lines.at(-1);
    const reached = last === undefined ? to : Math.max(last.offset, from + 1);
    const decidedUpTo = [[lease.partition, reached] as const];
    const decisions = lines.map((line) => noticeOf(line));
    const changes: Changes = {
      stock: [...stock].map(([productId, now]) => stockNotice(productId, now)),
      orders: orders.map(({ commandId, revision }) => [commandId, revision]),
    };
    if (decidedAt !== undefined) await cache.publish({ decidedUpTo, decidedAt, decisions, changes });
    return reached;
  }
}

type Told = Pick<PartitionEffects, "noted" | "partitionCount">;

function partsOf(
  group: DecidedGroup,
  chunks: readonly Chunk[],
  { decidedAt }: CommitReceipt,
  told: Told,
): EffectsPart[] {
  const parts = new Map<number, EffectsPart & { stock: StockEffect[]; orders: OrderEffect[] }>();
  const shelvings = group.answers.filter(({ line }) => isShelving(line));
  for (const { lease, from, to } of chunks) {
    const before = parts.get(lease.partition);
    const stock = before?.stock ?? [];
    const orders = before?.orders ?? [];
    const shelved = shelvings
      .filter(({ partition }) => partition === lease.partition)
      .map(({ line }) => line.productId);
    const content = { partition: lease.partition, epoch: lease.epoch, ...told, stock, orders, shelved };
    parts.set(lease.partition, { lease, from: before?.from ?? from, to, content, stock, orders });
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

/**
 * What is different for those who follow it. Too much does no harm: who has it already takes no notice. An order that only its own
 * command has decided is among the decisions; what is neither is one that another command changed, or that was cancelled before it came.
 */
function changesOf({ products, orders }: DecidedGroup): Changes {
  return {
    stock: products.flatMap(({ productId, stock }) => (stock === undefined ? [] : [stockNotice(productId, stock)])),
    orders: orders.flatMap(({ line }) =>
      line.revision > 1 || isCancelledBeforePlaced(line) ? [[line.commandId, line.revision] as const] : [],
    ),
  };
}

function replayedEffects(
  lease: Lease,
  stock: ReadonlyMap<string, Stock>,
  lines: readonly StoredLine[],
  told: Told,
): Content {
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
    shelved: lines.filter(isShelving).map(({ productId }) => productId),
  };
}

const isShelving = ({ type, status }: Pick<Line, "type" | "status">): boolean =>
  (type === "ArchiveProduct" || type === "RestoreProduct") && status === "accepted";

function isSameCache(one: CacheMoment, other: CacheMoment): boolean {
  return one.incarnation === other.incarnation && one.partitionCount === other.partitionCount;
}
