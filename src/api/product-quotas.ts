/**
 * A hot product slows only itself: while its partition is decided late, and it is what the partition mostly has to do, some of its
 * orders are refused or held up, so that its neighbours' are decided in time.
 *
 * How late a partition is, is seen from here: an order goes to the log, and the decision feed tells how far the partition is decided.
 *
 * Who owns what: this object owns the counts of two periods, the quotas (`quota.ts`) and those who are held up. All of it is this api's
 * own; several find their own quotas.
 *
 * I1 A quota begins only where all of this holds: the partition was heard of lately, so that it moves and Redis is there; it is decided later
 *    than it may, and far later than the other partitions, or all are late together and no product is to blame; other products of it are
 *    ordered too; and the product has far more orders than they have.
 * I2 A quota ends when its partition is not heard of any more, or when it has left room for everybody for `quotaKeptMs`.
 * I3 What is kept is bounded: the products of two periods, and `quotaSamplesMax` moments for each partition.
 * I4 Who is held up is let on in turn, and after `quotaHoldMsMax` in any case.
 */
import { sleepOn } from "../clock.ts";
import type { Clock } from "../clock.ts";
import type { limits } from "../limits.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { DecidedUpTo } from "../schemas/decision-feed.ts";
import { Quota } from "./quota.ts";
import type { QuotaLawBounds } from "./quota.ts";

export type QuotaBounds = QuotaLawBounds &
  Pick<typeof limits, "quotaLateMs" | "quotaHeardMs" | "quotaSamplesMax" | "quotaKeptMs" | "quotaHoldMsMax">;

export type ProductQuotas = {
  /** Whether the product may have one more order now. */
  hasRoom(productId: string): boolean;
  /**
   * How many of so many orders of one product may be sent now, one at least. Where it has a quota, that is once there is room; after
   * `quotaHoldMsMax` there may be none all the same.
   */
  roomFor(productId: string, orders: number): number | Promise<number>;
  /** An order is sent to the log. */
  sent(productId: string, partition: number): void;
  /** The log has an order that was sent at `sentAt`, in monotonic milliseconds. */
  appended(partition: number, offset: number, sentAt: number): void;
  /** Everything below these offsets is decided. */
  decidedUpTo(positions: DecidedUpTo): void;
};

export type ProductQuotasOptions = {
  readonly bounds: QuotaBounds;
  readonly clock: Pick<Clock, "monotonic" | "after">;
  readonly metrics: Pick<Metrics, "productQuotas">;
};

/** Of a period: how many orders a product had, and where. */
type Count = { readonly partition: number; orders: number };
/** `share` is its part of all orders of its partition. */
type Hot = { readonly partition: number; readonly share: number; readonly lateMs: number };
type Sample = { readonly offset: number; readonly sentAt: number };
type Progress = {
  readonly samples: Sample[];
  decidedTo: number;
  heardAt: number;
  /** Where it was when the period began, and when each sample of this period was sent and how late it was decided. */
  decidedBefore: number;
  readonly decided: { readonly sentAt: number; readonly lateMs: number }[];
};

/** So many times what its neighbours have in the middle, and this share of all: that is hot. */
const [timesOthers, shareOfAll] = [4, 0.25];
/** So many times as late as the other partitions are in the middle: that is late by itself. */
const timesOtherPartitions = 2;
/** Samples lie so many milliseconds apart at least. */
const sampleMs = 5;

export function createProductQuotas({ bounds, clock, metrics }: ProductQuotasOptions): ProductQuotas {
  let [counts, before] = [new Map<string, Count>(), new Map<string, Count>()];
  let periodAt = clock.monotonic();
  const quotas = new Map<string, { readonly partition: number; readonly quota: Quota }>();
  /** By product, the end of the queue of those who are held up. */
  const turns = new Map<string, Promise<unknown>>();
  const progress = new Map<number, Progress>();

  /** At the worst in this period; null: it can't be told (I1). */
  const lateMs = (partition: number, time: number): number | null => {
    const known = progress.get(partition);
    if (known === undefined || time - known.heardAt > bounds.quotaHeardMs) return null;
    const oldest = known.samples[0];
    const waited = oldest === undefined ? 0 : time - oldest.sentAt;
    return known.decided.reduce((most, { lateMs: ms }) => Math.max(most, ms), waited);
  };

  /** Products of partitions that are late, and far ahead of the others there. */
  const hotProducts = (time: number): Map<string, Hot> => {
    const late = new Map<number, { readonly lateMs: number; orders: number; readonly products: Set<string> }>();
    const heard = [...progress.keys()].flatMap((partition) => {
      const ms = lateMs(partition, time);
      return ms === null ? [] : [{ partition, ms }];
    });
    heard.sort((one, other) => one.ms - other.ms);
    // In the middle of the others, for whoever is later than that.
    const usualMs = heard[(heard.length - 2) >> 1]?.ms ?? 0;
    for (const { partition, ms } of heard) {
      if (ms > Math.max(bounds.quotaLateMs, timesOtherPartitions * usualMs))
        late.set(partition, { lateMs: ms, orders: 0, products: new Set() });
    }
    const hot = new Map<string, Hot>();
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
        hot.set(productId, { partition, share: own / all.orders, lateMs: all.lateMs });
    }
    return hot;
  };

  /** How late those of the partition that were sent since then were decided, in the middle; null: nothing tells. */
  const usualLateMs = (partition: number, since: number, time: number): number | null => {
    const { samples = [], decided = [] } = progress.get(partition) ?? {};
    const told = decided.flatMap(({ sentAt, lateMs: ms }) => (sentAt >= since ? [ms] : [])).sort((a, b) => a - b);
    const oldest = samples.find(({ sentAt }) => sentAt >= since);
    return told[told.length >> 1] ?? (oldest === undefined ? null : time - oldest.sentAt);
  };

  const nextPeriod = (time: number): void => {
    const passed = Math.max(1, time - periodAt);
    for (const [productId, { partition, quota }] of quotas) {
      const isMoving = lateMs(partition, time) !== null;
      if (!isMoving || quota.unwantedMs(time) > bounds.quotaKeptMs) quotas.delete(productId); // I2
      const late = usualLateMs(partition, quota.judgeFrom, time);
      if (late !== null) quota.judge(time, late);
    }
    for (const [productId, { partition, share, lateMs: ms }] of hotProducts(time)) {
      if (quotas.has(productId)) continue;
      const { decidedTo = 0, decidedBefore = 0 } = progress.get(partition) ?? {};
      const decided = ((decidedTo - decidedBefore) / passed) * share;
      quotas.set(productId, { partition, quota: new Quota(bounds, time, decided, ms) });
    }
    for (const known of progress.values()) {
      known.decidedBefore = known.decidedTo;
      known.decided.length = 0;
    }
    metrics.productQuotas.set(quotas.size);
    before = passed < 2 * bounds.quotaPeriodMs ? counts : new Map<string, Count>();
    counts = new Map();
    periodAt = time;
  };
  const quotaOf = (productId: string, time: number): Quota | undefined => {
    if (time - periodAt >= bounds.quotaPeriodMs) nextPeriod(time);
    return quotas.get(productId)?.quota;
  };

  const held = async (productId: string, orders: number, deadline: number): Promise<number> => {
    for (;;) {
      const time = clock.monotonic();
      const quota = quotaOf(productId, time);
      const room = quota === undefined || time >= deadline ? orders : quota.promise(time, orders); // I4
      if (room > 0 || quota === undefined) return room;
      await sleepOn(clock, Math.ceil(Math.min(quota.msUntilRoom(time, orders), deadline - time)));
    }
  };

  return {
    hasRoom: (productId) => {
      const time = clock.monotonic();
      return quotaOf(productId, time)?.hasRoom(time) ?? true;
    },
    roomFor: (productId, orders) => {
      const time = clock.monotonic();
      if (quotaOf(productId, time) === undefined) return orders;
      const turn = (turns.get(productId) ?? Promise.resolve()).then(() =>
        held(productId, orders, time + bounds.quotaHoldMsMax),
      );
      turns.set(productId, turn);
      return turn.finally(() => {
        if (turns.get(productId) === turn) turns.delete(productId);
      });
    },
    sent: (productId, partition) => {
      const count = counts.get(productId);
      if (count === undefined) counts.set(productId, { partition, orders: 1 });
      else count.orders += 1;
      quotas.get(productId)?.quota.sent();
    },
    appended: (partition, offset, sentAt) => {
      const known = progress.get(partition);
      if (known === undefined) {
        const samples = [{ offset, sentAt }];
        const nothing = { decidedTo: 0, heardAt: -Infinity, decidedBefore: offset, decided: [] };
        progress.set(partition, { samples, ...nothing });
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
        const left = known.samples.findIndex(({ offset }) => offset >= to);
        const decided = known.samples.splice(0, left === -1 ? known.samples.length : left);
        for (const { sentAt } of decided) {
          if (known.decided.length < bounds.quotaSamplesMax) known.decided.push({ sentAt, lateMs: time - sentAt });
        }
      }
    },
  };
}
