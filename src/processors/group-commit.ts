/**
 * The group commit: everything that is ready, over all partitions that this instance owns, decided and written in one
 * transaction; the next group gathers meanwhile.
 *
 * Who owns what: a group owns the chunks that it took and sets `inFlight` on their leases; the leases' `committed` moves
 * only here.
 *
 * I1 Groups in flight have disjoint leases, so that a partition's chunks are committed in the order of the log.
 * I2 Nothing in memory changes before the commit is known to have happened (P8): a refused group is decided again from its
 *    chunks, in the order of the log.
 * I3 After an answer that is lost, the store is asked where the partitions stand, and only that counts (P9).
 * I4 A lease that is aborted leaves the group at the next step; the other partitions commit without it (P9).
 * I5 A group that the store refuses for its data is halved, by partitions and then by offsets, until the culprit is alone
 *    (P7). One that has no answer again and again is halved too, down to a size that takes no store its whole time limit. Halves
 *    of different partitions are groups of their own; parts of one partition are committed in the order of the log, and its
 *    lease is free after the last of them.
 * I6 A group that waits before it tries again keeps no other from being committed.
 */
import assert from "node:assert/strict";
import type { CacheMoment } from "../stores/effects-cache.ts";
import { CommitRefused, DataRefused, StoreUnavailable } from "../stores/ledger-store.ts";
import type { CommitReceipt } from "../stores/ledger-store.ts";
import { countGroup } from "./group-counts.ts";
import { gather, halve, leasesOf, weightOf } from "./chunks.ts";
import type { DecidedGroup } from "./decide-group.ts";
import { attempt } from "./group-attempt.ts";
import type { Committed } from "./group-attempt.ts";
import type { Chunk, Lease } from "./lease.ts";
import { Parking } from "./parking.ts";
import { backoffMs } from "./processor-deps.ts";
import type { ProcessorDeps } from "./processor-deps.ts";

export type GroupEvents = {
  /** A lease's chunks are committed and told; `committed`, `records` and `bytes` have moved. */
  readonly settled: (leases: readonly Lease[]) => void;
  /** What the cache is as far as the effects know, noted before a group is decided (P16). */
  readonly moment: () => CacheMoment;
  /** What the group decided, for the effects. */
  readonly decided: (group: DecidedGroup, chunks: readonly Chunk[], receipt: CommitReceipt, noted: CacheMoment) => void;
  /** What must settle before a further group is begun, for what was decided is told more slowly than it is committed; undefined: nothing. */
  readonly room: () => Promise<unknown> | undefined;
  /** It was committed, but what it decided is forgotten: the effects must read it back. */
  readonly recovered: (lease: Lease) => void;
  /** Another owner has the partition, or it stands where this lease never was. */
  readonly lost: (lease: Lease) => void;
};

export type GroupCommitDeps = Pick<ProcessorDeps, "store" | "codec" | "sleep" | "log" | "metrics" | "limits">;

export class GroupCommit {
  readonly #deps: GroupCommitDeps;
  readonly #events: GroupEvents;
  readonly #leases: () => Iterable<Lease>;
  #inFlight = 0;
  /** Of those in flight, how many wait before they try again. */
  #waiting = 0;
  #turn = 0;
  /** No group is begun, for the ones before are still to be told. */
  #held = false;
  /** Groups left in which ids are looked up first, for duplicates come in storms (P6). */
  #duplicateWatch = 0;
  readonly #parking: Parking;
  #idle: (() => void)[] = [];
  /** By group, why it could not be committed when it was tried last. */
  readonly #troubles = new Map<symbol, string>();

  constructor(deps: GroupCommitDeps, leases: () => Iterable<Lease>, events: GroupEvents) {
    this.#deps = deps;
    this.#parking = new Parking(deps);
    this.#leases = leases;
    this.#events = events;
  }

  /** Starts as many groups as are allowed and worth it. Called when something is ready and when a group has ended. */
  kick(): void {
    while (!this.#held && this.#active() < this.#deps.limits.groupsInFlightMax) {
      const chunks = this.#gather();
      if (chunks.length === 0) break;
      for (const lease of leasesOf(chunks)) lease.inFlight = true; // I1
      this.#start(chunks);
    }
    if (this.#inFlight === 0 && !this.#held) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Why groups can't be committed, each reason once; empty when all can. */
  troubles(): readonly string[] {
    return [...new Set(this.#troubles.values())];
  }

  /** Resolves when no group is in flight and nothing is ready. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.kick();
    });
  }

  #gather(): Chunk[] {
    const { limits } = this.#deps;
    const free = [...this.#leases()].filter((lease) => !lease.inFlight && !lease.isAborted() && lease.ready.length > 0);
    const ready = free.reduce((sum, lease) => sum + weightOf(lease.ready), 0);
    if (free.length === 0 || (this.#active() > 0 && ready < limits.furtherGroupCommandsMin)) return [];
    this.#turn += 1;
    return gather(free, this.#turn, limits);
  }

  /** Groups that do something: not those that wait before they try again, which must not keep others from it. */
  #active(): number {
    return this.#inFlight - this.#waiting;
  }

  #start(chunks: readonly Chunk[]): void {
    this.#inFlight += 1;
    void this.#run(chunks).finally(() => {
      this.#inFlight -= 1;
      this.kick();
    });
  }

  /** Commits what was taken: at once, or in the parts that the store's refusals break it into (P7). */
  async #run(chunks: readonly Chunk[]): Promise<void> {
    const halves = await this.#commit(chunks);
    if (halves !== undefined && leasesOf(halves.flat()).length > 1) {
      // I5: groups of their own from here on, so that one that can't be committed does not hold the other.
      for (const half of halves) this.#start(half);
      return;
    }
    for (const part of halves ?? []) await this.#inOrder(part);
    for (const lease of leasesOf(chunks)) lease.inFlight = false;
  }

  /** Parts of one partition, one behind the other. */
  async #inOrder(chunks: readonly Chunk[]): Promise<void> {
    const halves = await this.#commit(chunks);
    for (const part of halves ?? []) await this.#inOrder(part);
  }

  /** Tries until the chunks are committed or lost; or returns halves of them, to be committed one after the other. */
  async #commit(taken: readonly Chunk[]): Promise<ReturnType<typeof halve>> {
    const group = Symbol("group");
    try {
      return await this.#tries(taken, group);
    } finally {
      this.#troubles.delete(group);
    }
  }

  async #tries(taken: readonly Chunk[], group: symbol): Promise<ReturnType<typeof halve>> {
    const { limits, metrics } = this.#deps;
    let chunks = taken;
    let locked = false;
    let stales = 0;
    let failures = 0;
    let settle: () => void;
    for (;;) {
      chunks = chunks.filter(({ lease }) => !lease.isAborted()); // I4
      if (chunks.length === 0) return undefined;
      const noted = this.#events.moment();
      try {
        const committed = await attempt(this.#deps, { chunks, locked, watchDuplicates: this.#duplicateWatch > 0 });
        settle = () => this.#settle(committed, noted);
        break;
      } catch (error) {
        if (error instanceof CommitRefused && error.because === "duplicate") {
          this.#duplicateWatch = limits.duplicateWatchGroups;
          continue;
        }
        if (error instanceof CommitRefused && error.because === "stale") {
          for (const { lease, productIds } of chunks) for (const id of productIds) lease.stock.delete(id);
          locked = true; // P5: the retry locks first, then decides
          stales += 1;
          // One that locked and still is stale meets what it can't know, such as a product parked by a newer version of Tallyman.
          if (stales > 1) await this.#pause(backoffMs(limits, stales - 1));
          continue;
        }
        if (error instanceof DataRefused) {
          const halves = halve(chunks);
          if (halves !== undefined) return halves;
          const parked = this.#parking.park(chunks, error);
          if (parked !== undefined) {
            chunks = parked;
            continue;
          }
        }
        if (error instanceof CommitRefused) {
          metrics.fenced.inc();
        } else {
          failures += 1;
          this.#troubles.set(group, error instanceof Error ? error.message : String(error));
          const level = error instanceof StoreUnavailable ? "warn" : "error";
          this.#deps.log[level]({ err: error, failures }, "a commit has no answer; asking where the partitions stand");
          await this.#pause(backoffMs(limits, failures));
        }
        chunks = await this.#reconcile(chunks);
        const isLarge = leasesOf(chunks).length > 1 || weightOf(chunks) > limits.halvedGroupCommandsMin;
        if (failures >= limits.commitTriesMax && isLarge) {
          const halves = halve(chunks); // Too much for the store's time limit, perhaps, or one partition's trouble.
          if (halves !== undefined) return halves;
        }
      }
    }
    // Outside the try: the commit has happened, and an error from here on is a fault that must not look like a lost answer.
    settle();
    return undefined;
  }

  /** Waits before the next try, while others go on. */
  async #pause(milliseconds: number): Promise<void> {
    this.#waiting += 1;
    this.kick();
    await this.#deps.sleep(milliseconds);
    this.#waiting -= 1;
  }

  #settle({ group, receipt, live: chunks }: Committed, noted: CacheMoment): void {
    if (this.#duplicateWatch > 0) this.#duplicateWatch -= 1;
    if (group.answers.some(({ repeated }) => !repeated)) this.#parking.decided();
    const leases = new Map(chunks.map(({ lease }) => [lease.partition, lease]));
    for (const { partitions, productId, stock, parked } of group.products) {
      for (const partition of partitions) {
        // What is parked is asked for each time, for it goes on without a change of its version.
        if (parked) leases.get(partition)?.stock.delete(productId);
        else if (stock !== undefined) leases.get(partition)?.stock.set(productId, stock);
      }
    }
    for (const chunk of chunks) advance(chunk);
    countGroup(this.#deps.metrics, group);
    this.#events.decided(group, chunks, receipt, noted);
    this.#hold();
    this.#events.settled([...leases.values()]);
  }

  #hold(): void {
    const room = this.#held ? undefined : this.#events.room();
    if (room === undefined) return;
    this.#held = true;
    void room.then(() => {
      this.#held = false;
      this.kick();
    });
  }

  /** Asks until the store answers (I3). Returns the chunks that are still to be committed. */
  async #reconcile(chunks: readonly Chunk[]): Promise<readonly Chunk[]> {
    const { store, limits, log } = this.#deps;
    for (let failures = 1; ; failures += 1) {
      const leases = leasesOf(chunks).filter((lease) => !lease.isAborted());
      if (leases.length === 0) return [];
      try {
        const progress = await store.readProgress(leases.map(partitionOf));
        const at = new Map(progress.map((each) => [each.partition, each]));
        return leases.flatMap((lease) => {
          const stands = at.get(lease.partition);
          assert(stands !== undefined, "progress is told of every partition asked for");
          return this.#reconcileLease(
            lease,
            chunks.filter((chunk) => chunk.lease === lease),
            stands,
          );
        });
      } catch (error) {
        log.warn({ err: error, failures }, "can't read where the partitions stand");
        await this.#pause(backoffMs(limits, failures));
      }
    }
  }

  #reconcileLease(
    lease: Lease,
    chunks: readonly Chunk[],
    stands: { epoch: number; nextOffset: number },
  ): readonly Chunk[] {
    if (lease.isAborted()) return [];
    if (stands.epoch === lease.epoch && stands.nextOffset === chunks[0]?.from) return chunks;
    if (stands.epoch === lease.epoch && stands.nextOffset === chunks.at(-1)?.to) {
      // It was committed, and what it decided is not in memory: drop memory, go on behind it (P9).
      lease.stock.clear();
      for (const chunk of chunks) advance(chunk);
      this.#events.recovered(lease);
      this.#events.settled([lease]);
      return [];
    }
    this.#events.lost(lease);
    return [];
  }
}

function advance({ lease, from, to, entries, bytes }: Chunk): void {
  assert.equal(lease.committed, from, "chunks of a partition are committed one behind the other");
  lease.committed = to;
  lease.records -= entries.length;
  lease.bytes -= bytes;
}

function partitionOf(lease: Lease): number {
  return lease.partition;
}
