/**
 * Tells the dead-letter topic of what partitions passed without deciding it (P13). The rows are the truth; the topic is told from
 * them, at least once: a crash between the append and the mark repeats.
 *
 * I1 One round runs at a time. Letters are told in the order in which they came, and marked only after the acknowledgement.
 * I2 Only owners tell, so that many instances don't repeat each other more than a change of owners makes them.
 */
import type { Logger } from "pino";
import type { limits } from "../limits.ts";
import type { AppendRecord, LogAppender, LogHeaders } from "../log/log.ts";
import type { DeadLetterStore, KeptLetter } from "../stores/dead-letter-store.ts";

export type DeadLetterPublisherDeps = {
  readonly letters: Pick<DeadLetterStore, "unpublished" | "markPublished">;
  /** Of the dead-letter topic. */
  readonly appender: Pick<LogAppender, "append">;
  readonly partitionCount: number;
  /** Partitions of the orders that this instance owns. */
  readonly owned: () => readonly number[];
  readonly log: Pick<Logger, "warn" | "info">;
  readonly limits: Pick<typeof limits, "deadLetterPublishBatchMax" | "deadLetterPublishBytesMax">;
};

export class DeadLetterPublisher {
  readonly #deps: DeadLetterPublisherDeps;
  #running: Promise<void> | undefined;
  #failed = false;

  constructor(deps: DeadLetterPublisherDeps) {
    this.#deps = deps;
  }

  /** Tells all that is there to tell. Called from time to time; never rejects. */
  round(): Promise<void> {
    this.#running ??= this.#all().finally(() => (this.#running = undefined)); // I1
    return this.#running;
  }

  async #all(): Promise<void> {
    const { letters, appender, partitionCount, owned, log, limits } = this.#deps;
    try {
      for (;;) {
        const batch = await letters.unpublished(
          owned(),
          limits.deadLetterPublishBatchMax,
          limits.deadLetterPublishBytesMax,
        );
        if (batch.length === 0) break;
        await appender.append(batch.map((letter) => recordOf(letter, partitionCount)));
        await letters.markPublished(batch.map(({ letterId }) => letterId));
      }
      if (this.#failed) log.info({}, "dead letters are told again");
      this.#failed = false;
    } catch (err) {
      if (!this.#failed) log.warn({ err }, "dead letters can't be told now; they are kept as rows, and told later");
      this.#failed = true;
    }
  }
}

/** As it was on the log, with where it came from and why as headers. */
function recordOf(letter: KeptLetter, partitionCount: number): AppendRecord {
  const { partition, offset, kind, reason, key, value, valueBytes, storedAt } = letter;
  // By fromEntries, which makes a property also of the name "__proto__".
  const headers: LogHeaders = Object.fromEntries(
    Object.entries(letter.headers).map(([name, values]) => {
      const bytes = values.split(",").map((each) => Buffer.from(each, "base64"));
      return [Buffer.from(name, "base64").toString(), bytes];
    }),
  );
  return {
    partition: partition % partitionCount,
    key,
    value,
    headers: {
      ...headers,
      "tallyman-kind": kind,
      "tallyman-reason": reason,
      "tallyman-partition": String(partition),
      "tallyman-offset": String(offset),
      "tallyman-stored-at": new Date(storedAt).toISOString(),
      ...(value !== null && valueBytes > value.length ? { "tallyman-value-bytes": String(valueBytes) } : {}),
    },
  };
}
