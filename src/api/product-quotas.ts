/**
 * A hot product slows only itself: while its partition is decided late, and it is what the partition mostly has to do, some of its
 * orders are refused, so that its neighbours' are decided in time.
 *
 * How late a partition is, is seen from here: an order goes to the log, and the decision feed tells how far the partition is decided.
 *
 * Who owns what: this object owns the counts of two periods and the quotas. All of it is this api's own; several find their own quotas.
 *
 * I1 A quota is set only where all of this holds: the partition was heard of lately, so that it moves and Redis is there; it is decided later
 *    than it may; other products of it are ordered too; and the product has far more orders than they have.
 * I2 A product may always have `quotaOrdersMin` orders a period.
 * I3 What is kept is bounded: the products of two periods, and `quotaSamplesMax` moments for each partition.
 */
import type { Clock } from "../clock.ts";
import type { limits } from "../limits.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { DecidedUpTo } from "../schemas/decision-feed.ts";

export type QuotaBounds = Pick<
  typeof limits,
  "quotaPeriodMs" | "quotaLateMs" | "quotaOrdersMin" | "quotaHeardMs" | "quotaSamplesMax"
>;

export type ProductQuotas = {
  /** Whether the product may have one more order now. */
  hasRoom(productId: string): boolean;
  /** An order is sent to the log. */
  sent(productId: string, partition: number): void;
  /** The log has an order that was sent at `sentAt`, in monotonic milliseconds. */
  appended(partition: number, offset: number, sentAt: number): void;
  /** Everything below these offsets is decided. */
  decidedUpTo(positions: DecidedUpTo): void;
};

export type ProductQuotasOptions = {
  readonly bounds: QuotaBounds;
  readonly clock: Pick<Clock, "monotonic">;
  readonly metrics: Pick<Metrics, "productQuotas">;
};

/** Of a period: how many orders a product had, and where. */
type Count = { readonly partition: number; orders: number };
type Sample = { readonly offset: number; readonly sentAt: number };
type Progress = { readonly samples: Sample[]; decidedTo: number; heardAt: number; lateMs: number };

/** So many times what its neighbours have in the middle, and this share of all: that is hot. */
const [timesOthers, shareOfAll] = [4, 0.25];
/** Samples lie so many milliseconds apart at least; a quota that is not needed grows by this, and shrinks to this at once at most. */
const [sampleMs, growth, leastShare] = [5, 1.25, 0.3];

export function createProductQuotas({ bounds, clock, metrics }: ProductQuotasOptions): ProductQuotas {
  let [counts, before] = [new Map<string, Count>(), new Map<string, Count>()];
  let periodAt = clock.monotonic();
  const quotas = new Map<string, number>();
  const progress = new Map<number, Progress>();

  /** Null: it can't be told (I1). */
  const lateMs = (partition: number, time: number): number | null => {
    const known = progress.get(partition);
    if (known === undefined || time - known.heardAt > bounds.quotaHeardMs) return null;
    const oldest = known.samples[0];
    return Math.max(known.lateMs, oldest === undefined ? 0 : time - oldest.sentAt);
  };

  /** Products of partitions that are late, and far ahead of the others there. */
  const hotProducts = (time: number): Map<string, { readonly orders: number; readonly lateMs: number }> => {
    const late = new Map<number, { readonly lateMs: number; orders: number; readonly products: Set<string> }>();
    for (const partition of progress.keys()) {
      const ms = lateMs(partition, time);
      if (ms !== null && ms > bounds.quotaLateMs) late.set(partition, { lateMs: ms, orders: 0, products: new Set() });
    }
    const hot = new Map<string, { readonly orders: number; readonly lateMs: number }>();
    if (late.size === 0) return hot;
    for (const each of [before, counts]) {
      for (const [productId, { partition, orders }] of each) {
        const all = late.get(partition);
        if (all === undefined) continue;
        all.orders += orders;
        all.products.add(productId);
      }
    }
    for (const [productId, { partition, orders }] of counts) {
      const all = late.get(partition);
      if (all === undefined || all.products.size < 2 || orders <= bounds.quotaOrdersMin) continue;
      const own = orders + (before.get(productId)?.orders ?? 0);
      const others = (all.orders - own) / (all.products.size - 1);
      if (own > timesOthers * others && own > shareOfAll * all.orders)
        hot.set(productId, { orders, lateMs: all.lateMs });
    }
    return hot;
  };

  const nextPeriod = (time: number): void => {
    const hot = hotProducts(time);
    for (const [productId, quota] of quotas) {
      if (hot.has(productId)) continue;
      const count = counts.get(productId);
      const isNeeded = count !== undefined && quota <= 2 * count.orders && lateMs(count.partition, time) !== null;
      if (!isNeeded) quotas.delete(productId);
      else quotas.set(productId, quota * growth);
    }
    for (const [productId, { orders, lateMs: ms }] of hot) {
      const share = Math.max(leastShare, Math.min(1 / growth, bounds.quotaLateMs / ms));
      quotas.set(productId, Math.max(bounds.quotaOrdersMin, Math.floor(orders * share))); // I2
    }
    metrics.productQuotas.set(quotas.size);
    const passed = time - periodAt;
    before = passed < 2 * bounds.quotaPeriodMs ? counts : new Map<string, Count>();
    counts = new Map();
    periodAt = time;
  };

  return {
    hasRoom: (productId) => {
      const time = clock.monotonic();
      if (time - periodAt >= bounds.quotaPeriodMs) nextPeriod(time);
      if (quotas.size === 0) return true;
      const quota = quotas.get(productId);
      return quota === undefined || (counts.get(productId)?.orders ?? 0) < quota;
    },
    sent: (productId, partition) => {
      const count = counts.get(productId);
      if (count === undefined) counts.set(productId, { partition, orders: 1 });
      else count.orders += 1;
    },
    appended: (partition, offset, sentAt) => {
      const known = progress.get(partition);
      if (known === undefined) {
        progress.set(partition, { samples: [{ offset, sentAt }], decidedTo: 0, heardAt: -Infinity, lateMs: 0 });
        return;
      }
      const last = known.samples.at(-1);
      // The decision may be heard of first.
      if (offset < known.decidedTo || (last !== undefined && sentAt - last.sentAt < sampleMs)) return;
      if (known.samples.length < bounds.quotaSamplesMax) known.samples.push({ offset, sentAt }); // I3
    },
    decidedUpTo: (positions) => {
      const time = clock.monotonic();
      for (const [partition, to] of positions) {
        const known = progress.get(partition);
        if (known === undefined) continue;
        known.heardAt = time;
        known.decidedTo = Math.max(known.decidedTo, to);
        known.lateMs = 0;
        const left = known.samples.findIndex(({ offset }) => offset >= to);
        const decided = known.samples.splice(0, left === -1 ? known.samples.length : left);
        const last = decided.at(-1);
        if (last !== undefined) known.lateMs = time - last.sentAt;
      }
    },
  };
}
