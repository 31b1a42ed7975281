// Who takes part in `npm run bench`: Tallyman and its peers, each behind the same few questions. A peer is written as its own documentation
// would write it, runs in processes of its own on the same services, and keeps its rows in a database of its own.
import type { Bench } from "../support/bench.ts";
import type { Cpu } from "../support/cpu.ts";
import type { MemoryLooks } from "../support/memory.ts";
import type { Percentiles } from "../support/percentiles.ts";
import type { Written } from "../support/written.ts";

/** One that takes part, not started yet. One that can't do a kind of work lacks that method, and is left out of that work. */
export type Contender = {
  /** What `--contenders` and the JSON call it: `tallyman`, or a peer's letter. */
  readonly key: string;
  /** What it is, in a few words, for the tables; a peer's begins with its letter: "(a) one statement an order". */
  readonly title: string;
  /** Only with `--all`, for it needs more than the services. */
  readonly onlyWithAll: boolean;
  /** Starts all of its processes; resolves when it takes orders. Throws a Failure, and leaves nothing behind, when it can't. */
  readonly start?: (bench: Bench) => Promise<Running>;
  /** The ways in which it works off a backlog on the log. */
  readonly drains?: readonly DrainKind[];
};

/**
 * A contender that takes orders over HTTP. A single order is `POST` with the JSON body {"orderId"?, "productId", "quantity"}; without an
 * order id it makes one. A batch is a `POST` of such lines (application/x-ndjson), answered by a line for each, in their order.
 * Every contender stores a row for each order, whether it accepts or refuses it; the same order id again is the same order; nothing is
 * oversold. Disposing ends its processes and drops all that it made.
 */
export type Running = AsyncDisposable & {
  /** Where a single order goes. "{productId}" in it stands for the order's product, for those who have it in the path. */
  readonly postUrl: string;
  /** Null: it takes no batches. */
  readonly batchUrl: string | null;
  /** What says that an order is taken: 202 where the answer means "stored, to be decided", 200 or 201 where it is decided. */
  readonly acceptedStatus: number;
  /** The answer to an order comes after it is decided and its row stored, so that its time is the time until the caller knows. */
  readonly decidesBeforeAnswer: boolean;
  /** An order id in the body is heeded: what is sent again counts once. */
  readonly takesOrderIds: boolean;
  /** With this header an order is answered when it is decided, where that is not so anyway. */
  readonly waitHeaders?: Readonly<Record<string, string>>;
  /** Its processes by what they are, such as "api"; the services and the load generator are the frame's. */
  readonly pids: Readonly<Record<string, number>>;
  /** Resolves when they are for sale, `units` of each. Ids are of a-z, 0-9 and "-". */
  addProducts(ids: readonly string[], units: number): Promise<void>;
  /** Resolves as soon as every order that has been answered is decided, and its row stored. Rejects when nothing moves for 30 s. */
  untilStored(): Promise<void>;
  /** Orders that are decided and stored since the start, each counted once. Asked when it is at rest, and may take its time. */
  stored(): Promise<OrderCounts>;
  /** What is wrong with its books, a sentence each: for every product, units = sold + left, and nothing below zero. */
  verify(): Promise<string[]>;
  /**
   * How long the orders that were issued at `sinceMs` (since 1970) or later took until they were decided, where it keeps that; all but those
   * of the product `but`.
   */
  orderToDecision?(sinceMs: number, but?: string): Promise<DecisionLatency>;
};

export type OrderCounts = { readonly accepted: number; readonly rejected: number };

/** To `decided_at`: from `issued_at`, the server's own clock; and from when it was due to be sent, which its order id (a UUIDv7) tells. */
export type DecisionLatency = { readonly sinceIssued: Percentiles; readonly sinceDue: Percentiles };

/** One way of draining. */
export type DrainKind = {
  /** Its contender's. */
  readonly key: string;
  readonly title: string;
  /** Beside deciding, each decision is told on a topic of its own: a row of its own in the tables. */
  readonly publishesDecisions?: true;
  /** Fills a fresh log with that backlog, lets one process of its own work it off, and tells how fast that was. Leaves nothing behind. */
  run(bench: Bench, backlog: DrainBacklog): Promise<Drained>;
};

/** Each order for one unit of any product, after a delivery for each product; every record as `bench/support/backlog.ts` writes it. */
export type DrainBacklog = {
  readonly orderCount: number;
  readonly productCount: number;
  /** Of 100 orders, how many lie on the log twice. */
  readonly resentPercent: number;
};

export type Drained = {
  /** Orders, each counted once however often it lies on the log, between the first and the last decision seen; all of them since none was decided, where one look saw them all. */
  readonly ordersPerSecond: number;
  /** What was decided in the time that `cpu` is of; and in the one that `written` is of. */
  readonly commands: number;
  readonly writtenCommands: number;
  readonly ms: number;
  /** How much of the backlog was decided when the first decision was seen, from 0 to 1. */
  readonly firstLookShare: number;
  readonly cpu: Cpu | undefined;
  /** Bytes by store, where they can be told. */
  readonly written: Written;
  readonly memory: MemoryLooks;
  /** Records a second of what was measured on the way and is nobody's drain: "produce" alone, "copy" of the same rows. */
  readonly limits: Readonly<Record<string, number>>;
  /** Whatever else is worth a line, by name with its unit, such as "commands a commit". */
  readonly details: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
};
