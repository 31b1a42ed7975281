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
 */
import assert from "node:assert/strict";
import type { Line } from "../schemas/lines.ts";
import { CommitRefused, StoreUnavailable } from "../stores/ledger-store.ts";
import type { CommitReceipt, GroupWrite, Prefetch, Snapshot } from "../stores/ledger-store.ts";
import { decideGroup } from "./decide-group.ts";
import type { DecidedGroup } from "./decide-group.ts";
import { splitChunk } from "./intake.ts";
import type { Chunk, Lease } from "./lease.ts";
import { backoffMs } from "./processor-deps.ts";
import type { ProcessorDeps } from "./processor-deps.ts";

export type GroupEvents = {
  /** A lease's chunks are committed and told; `committed`, `records` and `bytes` have moved. */
  readonly settled: (leases: readonly Lease[]) => void;
  /** What the group decided, for the effects. */
  readonly decided: (group: DecidedGroup, chunks: readonly Chunk[], receipt: CommitReceipt) => void;
  /** It was committed, but what it decided is forgotten: the effects must read it back. */
  readonly recovered: (lease: Lease) => void;
  /** Another owner has the partition, or it stands where this lease never was. */
  readonly lost: (lease: Lease) => void;
};

export type GroupCommitDeps = Pick<ProcessorDeps, "store" | "sleep" | "log" | "metrics" | "limits">;

const nothingFound: Snapshot = { stock: new Map(), lines: new Map(), stockAtVersion: new Map() };

export class GroupCommit {
  readonly #deps: GroupCommitDeps;
  readonly #events: GroupEvents;
  readonly #leases: () => Iterable<Lease>;
  #inFlight = 0;
  #turn = 0;
  /** Groups left in which ids are looked up first, for duplicates come in storms (P6). */
  #duplicateWatch = 0;
  #idle: (() => void)[] = [];
  #trouble: string | undefined;

  constructor(deps: GroupCommitDeps, leases: () => Iterable<Lease>, events: GroupEvents) {
    this.#deps = deps;
    this.#leases = leases;
    this.#events = events;
  }

  /** Starts as many groups as are allowed and worth it. Called when something is ready and when a group has ended. */
  kick(): void {
    while (this.#inFlight < this.#deps.limits.groupsInFlightMax) {
      const chunks = this.#gather();
      if (chunks.length === 0) break;
      const leases = leasesOf(chunks);
      for (const lease of leases) lease.inFlight = true; // I1
      this.#inFlight += 1;
      void this.#run(chunks).finally(() => {
        for (const lease of leases) lease.inFlight = false;
        this.#inFlight -= 1;
        this.kick();
      });
    }
    if (this.#inFlight === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Why the last group could not be committed; undefined once one could. */
  trouble(): string | undefined {
    return this.#trouble;
  }

  /** Resolves when no group is in flight and nothing is ready. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.kick();
    });
  }

  /** Takes what is ready, lease by lease, beginning at another one each time, up to the bound of a group. */
  #gather(): Chunk[] {
    const free = [...this.#leases()].filter((lease) => !lease.inFlight && !lease.isAborted() && lease.ready.length > 0);
    const ready = free.reduce(
      (sum, lease) => sum + lease.ready.reduce((count, chunk) => count + chunk.entries.length, 0),
      0,
    );
    if (free.length === 0 || (this.#inFlight > 0 && ready < this.#deps.limits.furtherGroupCommandsMin)) return [];
    this.#turn += 1;
    const first = this.#turn % free.length;
    const chunks: Chunk[] = [];
    let room = this.#deps.limits.groupCommandsMax;
    for (const lease of [...free.slice(first), ...free.slice(0, first)]) {
      while (room > 0) {
        let chunk = lease.ready.shift();
        if (chunk === undefined) break;
        if (chunk.entries.length > room) {
          const [head, rest] = splitChunk(chunk, room);
          lease.ready.unshift(rest);
          chunk = head;
        }
        room -= chunk.entries.length;
        chunks.push(chunk);
      }
    }
    return chunks;
  }

  async #run(taken: readonly Chunk[]): Promise<void> {
    const { log, sleep, limits, metrics } = this.#deps;
    let chunks = taken;
    let locked = false;
    let failures = 0;
    let settle: () => void;
    for (;;) {
      chunks = chunks.filter(({ lease }) => !lease.isAborted()); // I4
      if (chunks.length === 0) return;
      try {
        const { group, receipt, live } = await this.#attempt(chunks, locked);
        settle = () => this.#settle(live, group, receipt);
        break;
      } catch (error) {
        if (error instanceof CommitRefused && error.because === "duplicate") {
          this.#duplicateWatch = limits.duplicateWatchGroups;
          continue;
        }
        if (error instanceof CommitRefused && error.because === "stale") {
          for (const { lease, productIds } of chunks) for (const id of productIds) lease.stock.delete(id);
          locked = true; // P5: the retry locks first, then decides
          continue;
        }
        if (error instanceof CommitRefused) {
          metrics.fenced.inc();
        } else {
          failures += 1;
          this.#trouble = error instanceof Error ? error.message : String(error);
          const level = error instanceof StoreUnavailable ? "warn" : "error";
          log[level]({ err: error, failures }, "a commit has no answer; asking where the partitions stand");
          await sleep(backoffMs(limits, failures));
        }
        chunks = await this.#reconcile(chunks);
      }
    }
    // Outside the try: the commit has happened, and an error from here on is a fault that must not look like a lost answer.
    settle();
  }

  /** `live` are the chunks that were still owned when they were decided. */
  async #attempt(
    chunks: readonly Chunk[],
    locked: boolean,
  ): Promise<{ group: DecidedGroup; receipt: CommitReceipt; live: readonly Chunk[] }> {
    const { store, metrics } = this.#deps;
    const wanted = this.#wanted(chunks, locked);
    const base = locked ? () => undefined : stockBase(chunks);
    const outcome: { group?: DecidedGroup; chunks: readonly Chunk[] } = { chunks };
    const decideAll = (found: Snapshot): GroupWrite => {
      outcome.chunks = chunks.filter(({ lease }) => !lease.isAborted()); // I4: time has passed since the group began
      outcome.group = decideGroup(
        outcome.chunks.flatMap((chunk) => chunk.entries),
        base,
        found,
      );
      return { ...outcome.group.write, advances: advancesOf(outcome.chunks) };
    };
    const watched = metrics.commitSeconds.startTimer();
    let receipt: CommitReceipt;
    if (locked) {
      receipt = await store.commitLocked(leasesOf(chunks).map(partitionOf), wanted, decideAll);
    } else {
      const nothing = wanted.productIds.length + wanted.commandIds.length + wanted.versions.length === 0;
      receipt = await store.commit(decideAll(nothing ? nothingFound : await store.prefetch(wanted)));
    }
    watched();
    assert(outcome.group !== undefined, "a commit has decided");
    this.#trouble = undefined;
    if (this.#duplicateWatch > 0) this.#duplicateWatch -= 1;
    return { group: outcome.group, receipt, live: outcome.chunks };
  }

  /** What memory lacks: everything in a locked retry, for memory has just been wrong. */
  #wanted(chunks: readonly Chunk[], everything: boolean): Prefetch {
    const productIds = new Set<string>();
    const commandIds = new Set<string>();
    const known = everything || this.#duplicateWatch > 0;
    for (const chunk of chunks) {
      for (const id of chunk.productIds) if (everything || !chunk.lease.stock.has(id)) productIds.add(id);
      for (const id of chunk.orderIds) commandIds.add(id);
      if (!known) continue;
      for (const entry of chunk.entries) if ("command" in entry) commandIds.add(entry.command.commandId);
    }
    return {
      productIds: [...productIds],
      commandIds: [...commandIds],
      versions: chunks.flatMap((chunk) => chunk.versions),
    };
  }

  #settle(chunks: readonly Chunk[], group: DecidedGroup, receipt: CommitReceipt): void {
    const leases = new Map(chunks.map(({ lease }) => [lease.partition, lease]));
    for (const { partitions, productId, stock } of group.products) {
      if (stock === undefined) continue;
      for (const partition of partitions) leases.get(partition)?.stock.set(productId, stock);
    }
    for (const chunk of chunks) advance(chunk);
    this.#count(group);
    this.#events.decided(group, chunks, receipt);
    this.#events.settled([...leases.values()]);
  }

  #count(group: DecidedGroup): void {
    const { metrics } = this.#deps;
    metrics.commits.inc();
    metrics.groupCommands.observe(group.answers.length);
    metrics.deadLetters.inc(group.write.deadLetters.length);
    const decided = new Map<string, { line: Line; count: number }>();
    for (const { line, repeated } of group.answers) {
      const key = repeated ? "repeated" : `${line.type} ${line.status} ${line.reason ?? ""}`;
      const tally = decided.get(key);
      if (tally === undefined) decided.set(key, { line, count: 1 });
      else tally.count += 1;
    }
    for (const [key, { line, count }] of decided) {
      if (key === "repeated") {
        metrics.duplicates.inc(count);
        continue;
      }
      metrics.decided.inc({ type: line.type, status: line.status }, count);
      if (line.status === "rejected") metrics.refusals.inc({ reason: line.reason ?? "" }, count);
    }
  }

  /** Asks until the store answers (I3). Returns the chunks that are still to be committed. */
  async #reconcile(chunks: readonly Chunk[]): Promise<readonly Chunk[]> {
    const { store, sleep, limits, log } = this.#deps;
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
        await sleep(backoffMs(limits, failures));
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

function advancesOf(chunks: readonly Chunk[]): GroupWrite["advances"] {
  return leasesOf(chunks).map((lease) => {
    const own = chunks.filter((chunk) => chunk.lease === lease);
    const [first, last] = [own[0], own.at(-1)];
    assert(first !== undefined && last !== undefined, "a lease of the group has a chunk in it");
    return {
      partition: lease.partition,
      epoch: lease.epoch,
      from: first.from,
      to: last.to,
      effectsOffset: lease.effectsDone,
    };
  });
}

function stockBase(chunks: readonly Chunk[]): Parameters<typeof decideGroup>[1] {
  const leases = new Map(chunks.map(({ lease }) => [lease.partition, lease]));
  return (partition, productId) => leases.get(partition)?.stock.get(productId);
}

function leasesOf(chunks: readonly Chunk[]): Lease[] {
  return [...new Set(chunks.map(({ lease }) => lease))];
}

function partitionOf(lease: Lease): number {
  return lease.partition;
}
