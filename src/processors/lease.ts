/**
 * A lease: the right to decide one partition, as one claim gave it (P10). Code holds leases, never partition numbers, so
 * that work begun under an old claim can't touch what a newer one owns.
 *
 * Who owns what: the partition processor makes and aborts leases and feeds their mailboxes; the group commit takes what is
 * ready and moves `committed`; each outlet moves its own progress.
 *
 * I1 `effects.done` and `decisions.done` <= `committed` <= offset of what is ready <= `tail`: all of them move forward only.
 * I2 Partition and epoch never change. A new claim makes a new lease and aborts the old one, for ever.
 * I3 Who awaits asks `isAborted` before going on.
 * I4 `records` and `bytes` count what was taken in and is not committed: what the bounds are about.
 */
import { LRUCache } from "lru-cache";
import PQueue from "p-queue";
import type { ResumeProduct } from "../schemas/commands.ts";
import type { Stock } from "../schemas/lines.ts";
import type { Claim, LastRecord } from "../stores/ledger-store.ts";
import type { Entry } from "./decide-group.ts";

/** The range [from, to) of one partition, decoded. `entries` are in the order of the log. */
export type Chunk = {
  readonly lease: Lease;
  readonly from: number;
  readonly to: number;
  readonly entries: readonly Entry[];
  readonly bytes: number;
  /** What must be known before the chunk is decided, each once. */
  readonly productIds: readonly string[];
  readonly orderIds: readonly string[];
  readonly versions: readonly { readonly productId: string; readonly version: number }[];
  readonly resumes: readonly ResumeProduct[];
  /** By which the log is known again once the chunk is committed; null: the chunk does not tell (P11). */
  readonly last: LastRecord | null;
};

/** How far one outlet has told what the lease's partition decided. */
export type Told = {
  done: number;
  /** Up to here it is done or waits in the outlet's queue. */
  queued: number;
  /** What PostgreSQL has of `done`, as far as this lease knows. */
  saved: number;
};

export class Lease {
  readonly partition: number;
  readonly epoch: number;
  /** Stock as committed under this lease or read since; the commit checks the version of every entry used (P5). */
  readonly stock: LRUCache<string, Stock>;
  /** One chunk at a time is made ready, in the order of the log. */
  readonly mailbox = new PQueue({ concurrency: 1 });
  readonly ready: Chunk[] = [];
  /** The offset that the next range must begin at. */
  tail: number;
  /** The record that the log must be known again by before anything of it is taken in (P11); null: it is, or there is none. */
  unverified: LastRecord | null;
  /** `next_offset` in PostgreSQL, as far as this lease knows. */
  committed: number;
  /** Of the cache and the apis; `effects_offset` in PostgreSQL. */
  readonly effects: Told;
  /** Of the decisions topic; `decisions_offset` in PostgreSQL. Stays where it is while that is switched off. */
  readonly decisions: Told;
  /** A group holds chunks of this lease; groups in flight have disjoint leases. */
  inFlight = false;
  paused = false;
  /** A range strayed, and the log is being looked into: nothing is taken in, nor resumed, until that is done. */
  strayed = false;
  records = 0;
  bytes = 0;
  #aborted = false;

  constructor(claim: Claim, productsMax: number) {
    this.partition = claim.partition;
    this.epoch = claim.epoch;
    this.tail = claim.nextOffset;
    // An operator who sets `next_offset` back may leave the last record where it was: it is still to be decided again then.
    this.unverified = claim.last !== null && claim.last.offset < claim.nextOffset ? claim.last : null;
    this.committed = claim.nextOffset;
    this.effects = toldUpTo(claim.effectsOffset);
    this.decisions = toldUpTo(claim.decisionsOffset);
    this.stock = new LRUCache({ max: productsMax });
  }

  /** Where to read next. */
  position(): number {
    return this.unverified?.offset ?? this.tail;
  }

  /** A method, for its answer changes while others await. */
  isAborted(): boolean {
    return this.#aborted;
  }

  /** Forgets everything that waits; what is in flight is fenced by PostgreSQL or finds itself aborted (I3). */
  abort(): void {
    this.#aborted = true;
    this.mailbox.clear();
    this.ready.length = 0;
    this.stock.clear();
  }
}

function toldUpTo(offset: number): Told {
  return { done: offset, queued: offset, saved: offset };
}
