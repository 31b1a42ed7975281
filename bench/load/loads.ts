/** What the load generator can be told to do, and what it tells of it. */
import type { Percentiles } from "../support/percentiles.ts";
import type { Distribution } from "./distributions.ts";

type Common = {
  /** All of it; "{productId}" stands for the order's product. */
  readonly url: string;
  readonly seconds: number;
  readonly connections: number;
  readonly productIds: readonly string[];
  readonly distribution: Distribution;
  readonly headers: Readonly<Record<string, string>>;
};

/** Single orders, each connection's next one when the one before is answered. */
export type Posts = Common & {
  readonly kind: "posts";
  /** Of 100 orders, how many are sent a second time as soon as they are answered. Given: every order has an id of its own. */
  readonly resentPercent?: number;
};

/** Bodies of so many lines, each connection's next one when the one before is answered whole. */
export type Batches = Common & {
  readonly kind: "batches";
  readonly lines: number;
  /** A connection that is told to come again later does so. */
  readonly heedsRetryAfter?: true;
};

/** The same through `tallyman/client`: on every connection one `placeMany`, for as long as it takes. `url` is Tallyman's. */
export type ClientBatches = Common & { readonly kind: "client"; readonly lines: number };

/** Single orders that leave when they are due, whatever became of those before; with ids (UUIDv7) that tell when that was. */
export type OpenLoop = Common & { readonly kind: "open"; readonly perSecond: number };

/** Single orders without ids, at a rate that nobody has to bear: who has no answer after `giveUpMs` has no use for it. */
export type Overload = Common & { readonly kind: "overload"; readonly perSecond: number; readonly giveUpMs: number };

export type Load = Posts | Batches | ClientBatches | OpenLoop | Overload;

/**
 * Times are milliseconds since 1970; the percentiles are those of the answers in milliseconds, of an open loop from when an order was due,
 * of batches for a whole one.
 */
export type LoadResult = Percentiles & {
  readonly startedAt: number;
  readonly endedAt: number;
  /** How many orders were answered so; of batches: "taken" or "failed". */
  readonly statuses: Readonly<Record<string, number>>;
  /** Orders that got no answer. */
  readonly errors: number;
  /** Requests that were the second of their order. */
  readonly resent: number;
  /** Of an overload: orders taken before their callers gave up, orders never sent because these had, and refusals without Retry-After. */
  readonly overload?: { readonly inTime: number; readonly gaveUp: number; readonly refusedSilently: number };
};

/** Told when the first orders leave. */
export type Started = () => void;
