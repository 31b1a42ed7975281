/**
 * Batches records for the log (P18). Requests put records in; while one append is in flight the next batch grows, so
 * that the busier it is, the larger the batches are.
 *
 * Who owns what: the queue and the batch in flight are this object's alone. An entry is what was handed in at once, a record or some; its
 * promise settles exactly once.
 *
 * I1 At most one append is in flight, and the next one starts only when it has settled, however late that is.
 * I2 Records leave in the order in which they came; so a product's commands keep their order.
 * I3 A record whose deadline passes is refused with `LogUnavailable`. One that still queues is dropped and will not be
 *    sent. One that is in flight may be stored or not; its late answer changes nothing.
 * I4 The queue has a bound in records and in bytes; above it `append` refuses at once with `WriterOverloaded`; and in age: while its first
 *    record has waited for too long, with `LogUnavailable`.
 * I5 A failed append refuses its records, for their fate is unknown; nothing is sent again from here.
 * I6 Who sends many at once waits for room of half the bounds instead (`whenRoom`), one after another, so that single records are not
 *    refused for their sake.
 */
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import { LogUnavailable } from "../log/log.ts";
import type { AppendRecord, LogAppender } from "../log/log.ts";
import type { Metrics } from "../ops/metrics.ts";

/** More records wait than the bounds allow; this one was not taken. */
export class WriterOverloaded extends Error {
  override readonly name = "WriterOverloaded";
}

export type OrderWriter = {
  /**
   * Resolves with the record's offset once the log has acknowledged it, at the latest at `before`, in monotonic milliseconds, where that is
   * sooner than its own deadline. Rejects: `LogUnavailable`, `WriterOverloaded`.
   */
  append(record: AppendRecord, before?: number): Promise<number>;
  /** The same for some records, which leave in one append: all of them are acknowledged, or none is known to be. */
  appendAll(records: readonly AppendRecord[]): Promise<readonly number[]>;
  /**
   * Calls `act` once there is room for so many records, at once where there is; what it appends is taken as a whole. It may have to wait for
   * as long as the log takes; not while the log is away, for what queued is refused then. Resolves to what `act` returns.
   */
  whenRoom<Result>(records: number, act: () => Result): Promise<Result>;
  /** Milliseconds that an append took lately. */
  appendMs(): number;
  /** Takes no more, and resolves when all that was taken has been settled. */
  close(): Promise<void>;
};

export type WriterMetrics = Pick<
  Metrics,
  "appends" | "appendFailures" | "appendSeconds" | "appendBatchRecords" | "appendQueueRecords"
>;
export type WriterLimits = Pick<
  typeof limits,
  | "appendDeadlineMs"
  | "appendBatchRecordsMax"
  | "appendBatchBytesMax"
  | "appendQueueRecordsMax"
  | "appendQueueBytesMax"
  | "appendQueueAgeMsMax"
>;

export type OrderWriterOptions = {
  readonly appender: Pick<LogAppender, "append">;
  readonly metrics: WriterMetrics;
  readonly bounds?: WriterLimits;
  readonly clock?: Clock;
};

type Entry = {
  readonly records: readonly AppendRecord[];
  readonly bytes: number;
  /** Monotonic milliseconds, both. */
  readonly since: number;
  readonly deadline: number;
  /** Its own offsets are those from `from` on. */
  readonly resolve: (offsets: readonly number[], from: number) => void;
  readonly reject: (error: Error) => void;
  settled: boolean;
};

type Waiting = { readonly records: number; readonly act: () => void };

/** What a record takes beside its value: key, headers, lengths, and what this process keeps of it. */
const recordOverheadBytes = 100;

export function createOrderWriter(options: OrderWriterOptions): OrderWriter {
  const { appender, metrics, bounds = limits, clock = systemClock } = options;
  const now = (): number => clock.monotonic();
  /** First to come, first to leave; entries before `head` have left. */
  let queue: Entry[] = [];
  let head = 0;
  let queueRecords = 0;
  let queueBytes = 0;
  let inFlight: readonly Entry[] = [];
  let sending = false;
  let scheduled = false;
  let closed = false;
  let cancelDeadline: (() => void) | undefined;
  const whenIdle: (() => void)[] = [];
  let waiting: Waiting[] = [];
  let appendMs = 0;

  const refuse = (entry: Entry, error: Error, code: string): void => {
    if (entry.settled) return;
    entry.settled = true;
    metrics.appendFailures.inc({ code }, entry.records.length);
    entry.reject(error);
  };

  const tooLate = () => new LogUnavailable(`the log did not acknowledge within ${bounds.appendDeadlineMs} ms`);

  const isFull = (records: number, bytes: number): boolean =>
    queueRecords + records > bounds.appendQueueRecordsMax || queueBytes + bytes > bounds.appendQueueBytesMax;
  const isOld = (): boolean => {
    const first = queue[head];
    return first !== undefined && now() - first.since > bounds.appendQueueAgeMsMax;
  };
  /** I6. What asks for more than half has room when nothing else queues. */
  const hasRoom = (records: number): boolean => {
    if (queueRecords === 0) return true;
    const half = { records: bounds.appendQueueRecordsMax / 2, bytes: bounds.appendQueueBytesMax / 2 };
    return queueRecords + records <= half.records && queueBytes <= half.bytes && !isOld();
  };
  const letIn = (): void => {
    for (let next = waiting[0]; next !== undefined && (closed || hasRoom(next.records)); next = waiting[0]) {
      waiting = waiting.slice(1);
      next.act();
    }
  };

  /** Entries that have left are forgotten, also when the queue never runs empty. */
  const trim = (): void => {
    if (head < queue.length && head < bounds.appendBatchRecordsMax) return;
    queue = queue.slice(head);
    head = 0;
  };

  const leaves = ({ records, bytes }: Entry): void => {
    queueRecords -= records.length;
    queueBytes -= bytes;
  };

  /** Keeps I2 and the bounds of one append. */
  const takeBatch = (): Entry[] => {
    const batch: Entry[] = [];
    let [records, bytes] = [0, 0];
    for (; head < queue.length; head++) {
      const entry = queue[head];
      if (entry === undefined) break;
      const isTooMany = records + entry.records.length > bounds.appendBatchRecordsMax;
      if (batch.length > 0 && (isTooMany || bytes + entry.bytes > bounds.appendBatchBytesMax)) break;
      leaves(entry);
      if (entry.settled) continue; // I3
      records += entry.records.length;
      bytes += entry.bytes;
      batch.push(entry);
    }
    trim();
    letIn();
    return batch;
  };

  const send = async (batch: readonly Entry[]): Promise<void> => {
    const startedAt = now();
    try {
      const records = batch.flatMap((entry) => entry.records);
      const offsets = await appender.append(records);
      const tookMs = now() - startedAt;
      appendMs += (tookMs - appendMs) / 8;
      metrics.appendSeconds.observe(tookMs / 1000);
      metrics.appends.inc(offsets.length);
      let from = 0;
      for (const entry of batch) {
        const first = from;
        from += entry.records.length;
        if (entry.settled) continue; // I3
        if (from > offsets.length) {
          refuse(entry, new LogUnavailable("the log acknowledged fewer records than it was given"), "log_unavailable");
          continue;
        }
        entry.settled = true;
        entry.resolve(offsets, first);
      }
    } catch (cause) {
      const error = cause instanceof LogUnavailable ? cause : new LogUnavailable("the append failed", { cause });
      for (const entry of batch) refuse(entry, error, "log_unavailable"); // I5
    }
  };

  const run = async (): Promise<void> => {
    scheduled = false;
    sending = true;
    for (let batch = takeBatch(); batch.length > 0; batch = takeBatch()) {
      inFlight = batch;
      metrics.appendBatchRecords.observe(batch.reduce((sum, { records }) => sum + records.length, 0));
      metrics.appendQueueRecords.set(queueRecords);
      await send(batch);
    }
    inFlight = [];
    sending = false;
    if (queue.length === head) whenIdle.splice(0).forEach((resolve) => resolve());
  };

  /** Keeps I3. Deadlines grow in the order of the queue, so that one timer for the first of them is enough; a sooner one has its own. */
  const watchDeadlines = (): void => {
    cancelDeadline = undefined;
    const time = now();
    const late = tooLate();
    for (const entry of inFlight) if (entry.deadline <= time) refuse(entry, late, "log_unavailable");
    for (let entry = queue[head]; entry !== undefined && entry.deadline <= time; entry = queue[++head]) {
      refuse(entry, late, "log_unavailable");
      leaves(entry);
    }
    trim();
    letIn();
    const next = inFlight.find(({ settled }) => !settled) ?? queue[head];
    if (next !== undefined) armDeadline(next.deadline - time);
  };
  const armDeadline = (delayMs: number): void => {
    cancelDeadline ??= clock.after(Math.max(1, delayMs), watchDeadlines);
  };

  const add = (
    records: readonly AppendRecord[],
    before: number,
    resolve: Entry["resolve"],
    reject: Entry["reject"],
  ): void => {
    let bytes = 0;
    for (const { key, value } of records) bytes += (value?.length ?? 0) + (key?.length ?? 0) + recordOverheadBytes;
    if (isOld()) {
      metrics.appendFailures.inc({ code: "log_unavailable" }, records.length);
      reject(new LogUnavailable("the log is so slow that this would not be stored in time")); // I4
      return;
    }
    if (closed || isFull(records.length, bytes)) {
      metrics.appendFailures.inc({ code: "overloaded" }, records.length);
      reject(new WriterOverloaded(closed ? "the writer is closing" : "too many records wait for the log")); // I4
      return;
    }
    const since = now();
    const latest = since + bounds.appendDeadlineMs;
    const deadline = Math.min(before, latest);
    const entry: Entry = { records, bytes, since, deadline, resolve, reject, settled: false };
    queue.push(entry);
    queueRecords += records.length;
    queueBytes += bytes;
    if (before < latest) clock.after(Math.max(1, before - since), () => refuse(entry, tooLate(), "log_unavailable"));
    armDeadline(bounds.appendDeadlineMs);
    if (sending || scheduled) return; // I1
    scheduled = true;
    // After this turn's requests have been read: they then leave together.
    clock.soon(() => void run());
  };

  return {
    append: (record, before = Infinity) =>
      new Promise((resolve, reject) => {
        // There are as many offsets as records.
        add([record], before, (offsets, from) => resolve(offsets[from] ?? -1), reject);
      }),
    appendAll: (records) =>
      new Promise((resolve, reject) => {
        if (records.length === 0) resolve([]);
        else add(records, Infinity, (all, from) => resolve(all.slice(from, from + records.length)), reject);
      }),
    whenRoom: (records, act) =>
      new Promise((resolve) => {
        waiting.push({ records, act: () => resolve(act()) });
        letIn();
      }),
    appendMs: () => appendMs,
    close: async () => {
      closed = true;
      letIn();
      if (sending || scheduled || queue.length > head) {
        await new Promise<void>((resolve) => whenIdle.push(resolve));
      }
      cancelDeadline?.();
    },
  };
}
