/**
 * The processor of one instance: takes the partitions that the group protocol gives it under leases, decides what comes from
 * them, and lets go of what another owner has taken.
 *
 * Who owns what: this object owns the leases and the claims; the source's positions and pauses are set only here.
 *
 * I1 Nothing is taken in without a lease, and a range only where it continues the lease: what overlaps is cut; what lies
 *    above or below is dropped and fetched again, if the log still has what comes next (P4, KAFKAJS.md 8).
 * I2 A claim that answers after a newer assignment is dropped: the newer one makes its own. It is released, so that nobody
 *    waits for it.
 * I3 A partition that stays with this instance keeps its lease over a rebalance, also one that was taken away and comes back
 *    before it was released. If another owner claimed it in between, the next commit is fenced and the partition is claimed
 *    again (P9).
 * I4 Nothing is taken in before the log has shown the record again that was decided last (P11).
 * I5 A partition is paused while it has no lease, while its mailbox is above the high water mark, and when it is halted.
 * I6 A partition that is taken away drains and is released (hand-over.ts); one that is given to this instance while another one
 *    still holds it is waited for, up to a bound, and then claimed whatever that one does. Each is taken into use when it is claimed.
 */
import type { FetchedRange, HeldPartition, LogEnds, LogListener } from "../log/log.ts";
import type { Claim, LastRecord } from "../stores/ledger-store.ts";
import { DecisionsOutlet } from "./decisions-outlet.ts";
import { Effects } from "./effects.ts";
import { GroupCommit } from "./group-commit.ts";
import { HandOver } from "./hand-over.ts";
import { chunkOf, learnSchemas, takeIn } from "./intake.ts";
import type { Intake } from "./intake.ts";
import { Lease } from "./lease.ts";
import type { Told } from "./lease.ts";
import { checksumOf } from "./letters.ts";
import { backoffMs } from "./processor-deps.ts";
import type { ProcessorDeps } from "./processor-deps.ts";

/** How far one outlet has told what a partition decided. */
type ToSave = { readonly partition: number; readonly epoch: number; readonly told: number };

export class PartitionProcessor implements LogListener {
  readonly #deps: ProcessorDeps;
  readonly #leases = new Map<number, Lease>();
  /** Partitions that nobody may go on with before an operator has looked, and why. */
  readonly #halted = new Map<number, string>();
  readonly #group: GroupCommit;
  readonly #effects: Effects;
  readonly #decisions: DecisionsOutlet | undefined;
  readonly #handOver: HandOver;
  /** Commits that were refused as fenced, by partition, and are not told to the store yet. */
  #fenced = new Map<number, number>();
  #assigned: ReadonlySet<number> = new Set();
  #generation = 0;
  #stopping = false;

  constructor(deps: ProcessorDeps) {
    this.#deps = deps;
    this.#handOver = new HandOver(deps, (lease) => this.#drop(lease));
    this.#effects = new Effects(deps, (lease) => void this.#reclaim(lease));
    this.#decisions = deps.decisions === undefined ? undefined : new DecisionsOutlet(deps, deps.decisions);
    this.#group = new GroupCommit(deps, () => this.#leases.values(), {
      moment: () => this.#effects.moment(),
      decided: (group, chunks, receipt, noted) => {
        this.#effects.decided(group, chunks, receipt, noted);
        this.#decisions?.decided(group, chunks, receipt);
      },
      room: () => {
        const [cache, topic] = [this.#effects.room(), this.#decisions?.room()];
        return cache === undefined ? topic : Promise.all([cache, topic]);
      },
      recovered: (lease) => {
        this.#effects.behind(lease);
        this.#decisions?.behind(lease);
      },
      settled: (leases) => this.#settled(leases),
      lost: (lease) => {
        this.#fenced.set(lease.partition, (this.#fenced.get(lease.partition) ?? 0) + 1);
        void this.#reclaim(lease);
      },
    });
  }

  /** What this instance holds, for health and metrics. */
  leases(): readonly Pick<Lease, "partition" | "epoch" | "committed" | "effects" | "records" | "paused">[] {
    return [...this.#leases.values()];
  }

  /** What keeps partitions from being decided, in words; empty when nothing does. */
  troubles(): readonly string[] {
    const halted = [...this.#halted].map(([partition, why]) => `partition ${partition}: ${why}`);
    return [...halted, ...this.#group.troubles().map((why) => `commits fail: ${why}`)];
  }

  /** Records that are decided and that the decisions topic is not told of yet, and whether telling fails; undefined: it is off. */
  decisionsBehind(): { readonly records: number; readonly isFailing: boolean } | undefined {
    if (this.#decisions === undefined) return undefined;
    const leases = [...this.#leases.values()];
    const records = leases.reduce((sum, { committed, decisions }) => sum + committed - decisions.done, 0);
    this.#deps.metrics.decisionsBehindRecords.set(records);
    return { records, isFailing: this.#decisions.failures > 0 };
  }

  assigned(partitions: readonly number[]): void {
    if (this.#stopping) return;
    this.#generation += 1;
    this.#assigned = new Set(partitions);
    const leases = [...this.#leases.values()];
    for (const lease of leases) if (this.#assigned.has(lease.partition)) this.#goOn(lease); // I3
    void this.#handOver.begin(leases.filter(({ partition }) => !this.#assigned.has(partition))); // I6
    const unclaimed = partitions.filter((partition) => !this.#leases.has(partition) && !this.#halted.has(partition));
    if (unclaimed.length > 0) void this.#claim(unclaimed);
  }

  /** What the group has given to this instance, each with the epoch of its lease; 0: it is not claimed yet, or halted. */
  held(): readonly HeldPartition[] {
    return [...this.#assigned].map((partition) => ({ partition, epoch: this.#leases.get(partition)?.epoch ?? 0 }));
  }

  fetched(range: FetchedRange): void {
    const lease = this.#leases.get(range.partition);
    if (lease === undefined || lease.isAborted() || this.#stopping || this.#handOver.isDraining(lease)) return; // I1, I6
    if (lease.strayed) return; // Fetched again. Taken in, it would be above the ends that were asked for before.
    const position = lease.position();
    if (range.from > position || range.to <= position) {
      void this.#strayed(lease, range);
      return;
    }
    if (lease.unverified !== null && !this.#recognise(lease, lease.unverified, range)) return; // I4
    const intake = takeIn(this.#deps.codec, range, lease.tail);
    lease.tail = range.to;
    lease.records += intake.entries.length;
    lease.bytes += intake.bytes;
    if (this.#isFull(lease)) this.#pause(lease);
    void lease.mailbox.add(() => this.#makeReady(lease, intake));
  }

  /** Whether the range shows the record that is remembered, and reaches what is still to be decided. */
  #recognise(lease: Lease, last: LastRecord, range: FetchedRange): boolean {
    const record = range.records.find(({ offset }) => offset === last.offset);
    if (record === undefined || checksumOf(record) !== last.checksum) {
      this.#pause(lease);
      const what = record === undefined ? "no record" : "another record";
      this.#halt(lease, `the log has ${what} at offset ${last.offset}, and the one that was there has been decided`);
      return false;
    }
    lease.unverified = null;
    if (range.to < lease.tail) this.#deps.source.seek(lease.partition, lease.tail);
    return range.to > lease.tail;
  }

  lost(reason: Error): void {
    this.#deps.log.info({ err: reason }, "the log's client is being replaced; no partition is owned until it is back");
    this.#generation += 1;
    this.#assigned = new Set();
    void this.#handOver.begin([...this.#leases.values()]); // I6
  }

  /** Tells the store, where there is something new, how far effects are done, decisions are told, and how often commits were fenced. Rejects never. */
  async saveProgress(): Promise<void> {
    await Promise.all([this.#saveEffects(), this.#saveDecisions(), this.#saveFenced()]);
  }

  #saveEffects(): Promise<void> {
    const { store } = this.#deps;
    return this.#saveTold(
      (lease) => lease.effects,
      (leases) => store.saveEffectsOffset(leases.map(({ told, ...held }) => ({ ...held, effectsOffset: told }))),
      "can't save how far the effects are done; they may be repeated",
    );
  }

  async #saveDecisions(): Promise<void> {
    const { decisions: topic } = this.#deps;
    if (topic === undefined) return;
    this.decisionsBehind(); // For the metric.
    await this.#saveTold(
      (lease) => lease.decisions,
      (leases) =>
        topic.ledger.saveDecisionsOffset(leases.map(({ told, ...held }) => ({ ...held, decisionsOffset: told }))),
      "can't save how far decisions are told; they may be repeated",
    );
  }

  /** What one outlet has told since it was saved last; what can't be saved is tried again with the next. */
  async #saveTold(
    toldOf: (lease: Lease) => Told,
    save: (told: readonly ToSave[]) => Promise<void>,
    why: string,
  ): Promise<void> {
    const moved = [...this.#leases.values()]
      .map((lease) => ({ lease, progress: toldOf(lease), told: toldOf(lease).done }))
      .filter(({ progress, told }) => told > progress.saved);
    if (moved.length === 0) return;
    try {
      await save(moved.map(({ lease: { partition, epoch }, told }) => ({ partition, epoch, told })));
      for (const { progress, told } of moved) progress.saved = told;
    } catch (error) {
      this.#deps.log.debug({ err: error }, why);
    }
  }

  async #saveFenced(): Promise<void> {
    const fenced = this.#fenced;
    if (fenced.size === 0) return;
    this.#fenced = new Map();
    try {
      await this.#deps.store.countFenced(fenced);
    } catch (error) {
      for (const [partition, commits] of fenced) {
        this.#fenced.set(partition, (this.#fenced.get(partition) ?? 0) + commits);
      }
      this.#deps.log.debug({ err: error }, "can't count fenced commits; they are counted later");
    }
  }

  /** Takes nothing more in and resolves when all that was taken in is committed and told. The caller sets a deadline. */
  async drain(): Promise<void> {
    this.#stopping = true;
    for (const lease of this.#leases.values()) this.#pause(lease);
    await Promise.all([...this.#leases.values()].map((lease) => lease.mailbox.onIdle()));
    await this.#group.idle();
    await Promise.all([this.#effects.idle(), this.#decisions?.idle()]);
    await this.saveProgress();
  }

  /** Ends every lease, at once, and says in the store that their partitions are free. What is not committed stays in the log. */
  async release(): Promise<void> {
    this.#stopping = true;
    await Promise.all([this.#handOver.release([...this.#leases.values()]), this.#saveFenced()]);
  }

  async #makeReady(lease: Lease, intake: Intake): Promise<void> {
    await this.#untilDone(lease, "the schema registry is needed for a schema not seen before", () =>
      learnSchemas(this.#deps.codec, lease.partition, intake),
    );
    if (lease.isAborted()) return;
    const chunk = chunkOf(lease, intake);
    await this.#warm(lease, chunk.productIds);
    if (lease.isAborted()) return;
    lease.ready.push(chunk);
    this.#group.kick();
  }

  /** Reads the stock that memory lacks while an earlier group is in flight. Only a head start: the group reads what lacks. */
  async #warm(lease: Lease, productIds: readonly string[]): Promise<void> {
    const unknown = productIds.filter((id) => !lease.stock.has(id));
    if (unknown.length === 0 || !lease.inFlight) return;
    try {
      const found = await this.#deps.store.prefetch({ productIds: unknown, commandIds: [], versions: [] });
      for (const [id, stock] of found.stock) {
        if (!lease.stock.has(id) && !found.parked.has(id)) lease.stock.set(id, stock);
      }
    } catch (error) {
      this.#deps.log.debug({ err: error }, "no head start in reading stock");
    }
  }

  /** Claims each as soon as nobody holds it, and what is still held after a while whatever its owner does (I6). */
  async #claim(partitions: readonly number[]): Promise<void> {
    const { store, owner, inspector, limits, log, sleep } = this.#deps;
    const generation = this.#generation;
    const patience: { isOver: boolean } = { isOver: false };
    const taking: Promise<void>[] = [];
    let wanted = partitions;
    let hasLooked = false;
    for (let failures = 1; wanted.length > 0;) {
      try {
        if (!hasLooked) {
          // An instance that is cut off from the log must not fence, again and again, one that is not.
          await inspector.ends();
          if (!this.#isCurrent(generation)) return; // I2
        }
        const claims = await (patience.isOver ? store.claim(wanted, owner) : store.claim(wanted, owner, "free"));
        if (!this.#isCurrent(generation)) {
          void this.#handOver.say(claims);
          return; // I2
        }
        const claimed = new Set(claims.map(({ partition }) => partition));
        if (claimed.size > 0) taking.push(this.#take(claims, generation));
        wanted = wanted.filter((partition) => !claimed.has(partition));
        if (wanted.length === 0) break;
        if (!hasLooked) {
          hasLooked = true;
          log.info({ partitions: wanted }, "partitions are still held; waiting for their release");
          void sleep(limits.handOverWaitMs).then(() => (patience.isOver = true));
        }
        await sleep(limits.handOverPollMs);
      } catch (error) {
        log.warn({ err: error, failures, partitions: wanted }, "can't claim partitions yet");
        await sleep(backoffMs(limits, failures++));
      }
      if (!this.#isCurrent(generation)) break; // I2
    }
    await Promise.all(taking);
  }

  /** Begins to read what was claimed, where the log is the one that was decided so far. */
  async #take(claims: readonly Claim[], generation: number): Promise<void> {
    const { source, limits, log, sleep } = this.#deps;
    let ends: ReadonlyMap<number, LogEnds> | undefined;
    for (let failures = 1; ends === undefined; failures += 1) {
      try {
        ends = await this.#endsFor(claims);
      } catch (error) {
        log.warn({ err: error, failures, claims }, "the log is needed to begin with claimed partitions");
        await sleep(backoffMs(limits, failures));
      }
      if (!this.#isCurrent(generation)) {
        void this.#handOver.say(claims);
        return; // I2
      }
    }
    for (const claim of claims) {
      const lease = new Lease(claim, limits.leaseProductsMax);
      this.#leases.get(claim.partition)?.abort();
      this.#leases.set(claim.partition, lease);
      const why = whyNotThisLog(lease, ends.get(lease.partition));
      if (why !== undefined) {
        this.#halt(lease, why);
        continue;
      }
      if (lease.effects.done < lease.committed) this.#effects.behind(lease);
      if (lease.decisions.done < lease.committed) this.#decisions?.behind(lease);
      this.#forgetDeleted(lease, ends.get(lease.partition));
      source.seek(lease.partition, lease.position());
      source.resume(lease.partition);
    }
    log.info({ claims }, "claimed partitions");
  }

  /** Records that are decided may be deleted: then there is nothing left to know the log by. */
  #forgetDeleted(lease: Lease, ends: LogEnds | undefined): void {
    if (lease.unverified !== null && ends !== undefined && ends.low > lease.unverified.offset) lease.unverified = null;
  }

  /** Asks again where the log seems to end too early: a leader that has just been elected may not know its end yet. */
  async #endsFor(claims: readonly Pick<Claim, "partition" | "nextOffset">[]): Promise<ReadonlyMap<number, LogEnds>> {
    const { inspector, sleep, limits } = this.#deps;
    for (let tries = 1; ; tries += 1) {
      const ends = await inspector.ends();
      const early = claims.some(({ partition, nextOffset }) => (ends.get(partition)?.high ?? nextOffset) < nextOffset);
      if (!early || tries === limits.logEndTriesMax) return ends;
      await sleep(backoffMs(limits, tries));
    }
  }

  /** Another owner has it: forget it, unless the group protocol says that it is ours; then claim it again, not at once. */
  async #reclaim(lease: Lease): Promise<void> {
    const generation = this.#generation;
    if (this.#leases.get(lease.partition) !== lease) return;
    this.#drop(lease);
    if (!this.#assigned.has(lease.partition) || this.#stopping) return;
    this.#deps.source.pause(lease.partition); // I5
    await this.#deps.sleep(this.#deps.limits.reclaimDelayMs);
    if (!this.#isCurrent(generation) || this.#leases.has(lease.partition)) return;
    await this.#claim([lease.partition]);
  }

  #isCurrent(generation: number): boolean {
    return generation === this.#generation && !this.#stopping;
  }

  /** After a rebalance everything is paused, and the client knows no position. */
  #goOn(lease: Lease): void {
    this.#handOver.stay(lease);
    this.#deps.source.seek(lease.partition, lease.position());
    if (!lease.paused) this.#deps.source.resume(lease.partition);
  }

  #drop(lease: Lease): void {
    lease.abort();
    this.#handOver.stay(lease);
    if (this.#leases.get(lease.partition) === lease) this.#leases.delete(lease.partition);
  }

  /**
   * What was fetched lies above or below what comes next: fetch again, unless the log does not have what comes next. The
   * client then begins anew at the log's beginning, and says nothing (KAFKAJS.md 9).
   */
  async #strayed(lease: Lease, { from, to }: FetchedRange): Promise<void> {
    const { source, log } = this.#deps;
    this.#pause(lease);
    lease.strayed = true;
    await this.#untilDone(lease, "the log is needed to look into a range that strayed", async () => {
      const ends = (await this.#endsFor([{ partition: lease.partition, nextOffset: lease.tail }])).get(lease.partition);
      const why = whyNotThisLog(lease, ends);
      if (lease.isAborted()) return;
      if (why !== undefined) {
        this.#halt(lease, why);
        return;
      }
      this.#forgetDeleted(lease, ends);
      const position = lease.position();
      log.debug({ partition: lease.partition, from, to, position }, "fetching again from where the lease stands");
      lease.strayed = false;
      source.seek(lease.partition, position);
      this.#resumeWhenLow(lease);
    });
  }

  #halt(lease: Lease, why: string): void {
    this.#halted.set(lease.partition, why);
    this.#deps.metrics.haltedPartitions.set(this.#halted.size);
    this.#drop(lease);
    this.#deps.log.error(
      { partition: lease.partition, why },
      `partition ${lease.partition} halted: ${why}. This is not the log that was decided, or part of it is gone. Restore the log, ` +
        "or, if what is missing is lost for good, set the partition's next_offset in PostgreSQL to an offset that it has, its " +
        "effects_offset and decisions_offset to ones that are no higher, and its last_offset to null; " +
        "then restart the processors",
    );
  }

  #settled(leases: readonly Lease[]): void {
    this.#deps.source.reportProgress(new Map(leases.map(({ partition, committed }) => [partition, committed])));
    for (const lease of leases) this.#resumeWhenLow(lease);
    this.#handOver.settled(leases);
  }

  #isFull(lease: Lease): boolean {
    const { limits } = this.#deps;
    return lease.records >= limits.mailboxRecordsHigh || lease.bytes >= limits.mailboxBytesHigh;
  }

  #pause(lease: Lease): void {
    lease.paused = true;
    this.#deps.source.pause(lease.partition);
  }

  #resumeWhenLow(lease: Lease): void {
    const { limits, source } = this.#deps;
    if (!lease.paused || lease.strayed || lease.isAborted() || this.#stopping) return;
    if (lease.records > limits.mailboxRecordsLow || lease.bytes > limits.mailboxBytesLow) return;
    lease.paused = false;
    source.resume(lease.partition);
  }

  /** Tries again, with back-off, while the lease lives. */
  async #untilDone(lease: Lease, why: string, work: () => Promise<void>): Promise<void> {
    for (let failures = 1; !lease.isAborted(); failures += 1) {
      try {
        await work();
        return;
      } catch (error) {
        this.#deps.log.warn({ err: error, failures, partition: lease.partition }, why);
        await this.#deps.sleep(backoffMs(this.#deps.limits, failures));
      }
    }
  }
}

/** A log that does not have the next offset to decide is not the one that was decided so far; undefined: it has. */
function whyNotThisLog({ tail }: Lease, ends: LogEnds | undefined): string | undefined {
  if (ends === undefined) return undefined;
  if (ends.low > tail) return `the log begins at offset ${ends.low}, and ${tail} is the next to be decided`;
  if (ends.high < tail) return `the log ends at offset ${ends.high}, and all below ${tail} was decided`;
  return undefined;
}
