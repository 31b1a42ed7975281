/**
 * Tells the decisions topic what was committed (P15). The queue, and how what failed is told later, is the outlet's (outlet.ts).
 *
 * Who owns what: this object alone appends to the topic, through the appender that it was given.
 *
 * I1 One append at a time (P18), and none is sent before all that its lease decided earlier is acknowledged. So whatever lands
 *    late or twice, also of an owner that was fenced, repeats: nobody sees a decision of a product and a partition before the
 *    ones in front of it.
 * I2 What is read back are whole commits, so that it has the positions that it had when it was told live (decision-records.ts).
 */
import { partitionOf } from "../partitioning/partition-of.ts";
import type { AppendRecord, LogAppender } from "../log/log.ts";
import type { Decisions } from "../schemas/decisions.ts";
import type { Line } from "../schemas/lines.ts";
import type { CommitReceipt, LedgerStore } from "../stores/ledger-store.ts";
import type { DecidedGroup } from "./decide-group.ts";
import { decisionRecords, wholeCommits } from "./decision-records.ts";
import type { Chunk, Lease } from "./lease.ts";
import { Outlet } from "./outlet.ts";
import type { Part } from "./outlet.ts";
import type { ProcessorDeps } from "./processor-deps.ts";

/** The topic as processors see it. */
export type DecisionsTopic = Pick<LogAppender, "append"> & {
  /** Of this topic: fixed when it is made, so that a product's decisions stay in one partition. */
  readonly partitionCount: number;
  readonly encode: (decisions: Decisions) => Buffer;
  /** Where what was decided is read back, and noted how far it is told. */
  readonly ledger: Pick<LedgerStore, "linesBetween" | "saveDecisionsOffset">;
};

type Deps = Pick<ProcessorDeps, "sleep" | "log" | "metrics" | "limits">;

/** What one commit decided of one partition, in the order of decision. */
type Told = { readonly decidedAt: number; readonly lines: readonly Line[] };

export class DecisionsOutlet {
  readonly #deps: Deps;
  readonly #topic: DecisionsTopic;
  readonly #outlet: Outlet<Told, null>;

  constructor(deps: Deps, topic: DecisionsTopic) {
    this.#deps = deps;
    this.#topic = topic;
    this.#outlet = new Outlet(deps, {
      name: "decisions for the topic",
      told: (lease) => lease.decisions,
      tell: (parts) => this.#tell(parts),
      replay: (lease, from, to) => this.#replay(lease, from, to),
      backlog: () => undefined,
    });
  }

  /** Tries that have failed since the last one that worked. */
  get failures(): number {
    return this.#outlet.failures;
  }

  /** Tells what a group decided, once it is the group's turn. Never throws, never waits. */
  decided({ answers }: DecidedGroup, chunks: readonly Chunk[], { decidedAt }: CommitReceipt): void {
    const parts = new Map<number, Part<Told & { readonly lines: Line[] }>>();
    for (const { lease, from, to } of chunks) {
      const before = parts.get(lease.partition);
      const content = before?.content ?? { decidedAt, lines: [] };
      parts.set(lease.partition, { lease, from: before?.from ?? from, to, content });
    }
    for (const { partition, line, repeated } of answers) if (!repeated) parts.get(partition)?.content.lines.push(line);
    this.#outlet.decided([...parts.values()], null, answers.length);
  }

  /** What the lease decided is read back from the ledger, from where it is told. */
  behind(lease: Lease): void {
    this.#outlet.behind(lease);
  }

  /** To be awaited before more is committed; undefined: nothing is. */
  room(): Promise<void> | undefined {
    return this.#outlet.room();
  }

  /** Resolves when everything has been told; does not while that fails. */
  idle(): Promise<void> {
    return this.#outlet.idle();
  }

  async #tell(parts: readonly Part<Told>[]): Promise<ReadonlySet<Lease>> {
    const max = this.#deps.limits.decisionsPerRecordMax;
    await this.#append(
      parts.flatMap(({ lease, content: { decidedAt, lines } }) =>
        decisionRecords(lease.partition, lines, () => decidedAt, max),
      ),
    );
    return new Set();
  }

  async #replay(lease: Lease, from: number, to: number): Promise<number> {
    const { limits } = this.#deps;
    for (let limit = limits.decisionsReplayLinesMax; ; limit *= 2) {
      const lines = await this.#topic.ledger.linesBetween(lease.partition, from, to, limit);
      const isAll = lines.length < limit;
      const whole = isAll ? lines : lines.slice(0, wholeCommits(lines)); // I2
      if (whole.length === 0 && !isAll) continue; // One commit that is longer than the page.
      if (lease.isAborted()) return from;
      const max = limits.decisionsPerRecordMax;
      await this.#append(decisionRecords(lease.partition, whole, ({ decidedAt }) => decidedAt, max));
      return isAll ? to : (lines[whole.length]?.offset ?? to);
    }
  }

  /** All of them, in batches; encoded as they are sent, so that a long queue does not keep everybody else waiting. */
  async #append(records: readonly Decisions[]): Promise<void> {
    const { limits, metrics } = this.#deps;
    let batch: AppendRecord[] = [];
    let bytes = 0;
    let decisions = 0;
    const send = async (): Promise<void> => {
      try {
        await this.#topic.append(batch); // I1
      } catch (error) {
        metrics.decisionsFailures.inc();
        throw error;
      }
      metrics.decisionsRecords.inc(batch.length);
      metrics.decisionsTold.inc(decisions);
      batch = [];
      bytes = 0;
      decisions = 0;
    };
    for (const record of records) {
      const value = this.#topic.encode(record);
      const isFull =
        batch.length === limits.decisionsBatchRecordsMax || bytes + value.length > limits.decisionsBatchBytesMax;
      if (isFull && batch.length > 0) await send();
      const { productId } = record;
      batch.push({ partition: partitionOf(productId, this.#topic.partitionCount), key: productId, value });
      bytes += value.length + productId.length;
      decisions += record.decisions.length;
    }
    if (batch.length > 0) await send();
  }
}
