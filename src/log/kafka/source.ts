/**
 * Reads the assigned partitions of a Kafka topic.
 *
 * Who owns what: the source owns one consumer run at a time and the positions of its partitions. When a run ends by
 * itself or falls silent, the source tells the listener and starts the next one, with back-off, for as long as it is not
 * stopped (kafkajs hazard 12): nothing else restarts a consumer.
 *
 * I1 Only the current run is listened to; the epoch of a run that was replaced is over.
 * I2 Ranges are judged by positions.ts before they are handed on.
 * I3 The listener's own errors never get into kafkajs, which would fetch the same range for ever (kafkajs hazard 12). They
 *    are a programmer's mistake and end the process.
 * I4 A record's key, value and headers are slices of the whole fetched response (kafkajs hazard 13): the listener decodes
 *    them before `fetched` returns and keeps none of them.
 * I5 Being alive means that kafkajs does something, be it a fetch that brings nothing. A run that does nothing for
 *    `silenceMs` is replaced. The time-out in use here frees partitions; it decides nothing about who may commit.
 * I6 A broker that refuses the session's time-out is asked for the next longer one: its least is its operator's business.
 * I7 `pause`, `resume` and `seek` never throw: kafkajs forgets its group before it tells of a crash, and refuses them then.
 */
import type { Consumer, KafkaMessage } from "kafkajs";
import { limits } from "../../limits.ts";
import type { HeldPartition, LogListener, LogRecord, LogSource } from "../log.ts";
import { startConsumer, type ConsumerRun, type RawBatch } from "./consumer-run.ts";
import { withDeadline } from "./deadline.ts";
import { isExpected } from "./kafkajs-logger.ts";
import { Positions } from "./positions.ts";
import { createProgressReporter } from "./progress-reporter.ts";
import {
  consumerSettings,
  defaultSessionTimeoutMs,
  type KafkaSourceOptions,
  sessionStepsMs,
} from "./source-options.ts";

const toRecord = ({ offset, key, value, headers }: KafkaMessage): LogRecord => ({
  offset: Number(offset),
  key,
  value,
  headers: headers ?? {},
});

/** By the broker, as an answer to a member that joins: it is below or above what the broker allows. */
const isSessionRefused = (error: unknown): boolean =>
  error instanceof Error &&
  (("type" in error && error.type === "INVALID_SESSION_TIMEOUT") || isSessionRefused(error.cause));

const watchTicks = 8;
const retireMs = 3_000;

export const createKafkaSource = (options: KafkaSourceOptions): LogSource => {
  const { topic, logger, silenceMs = 40_000 } = options;
  const positions = new Positions();
  let listener: LogListener | undefined;
  let run: ConsumerRun | undefined;
  let stopped = false;
  let attempts = 0;
  let restartTimer: NodeJS.Timeout | undefined;
  let watchTimer: NodeJS.Timeout | undefined;
  let silentTicks = 0;
  let sessionTimeoutMs = options.sessionTimeoutMs ?? defaultSessionTimeoutMs;

  const progress = createProgressReporter(options.progressIntervalMs ?? 1_000, async (nextOffsets) => {
    const offsets = [...nextOffsets]
      .filter(([partition]) => positions.isAssigned(partition))
      .map(([partition, offset]) => ({ topic, partition, offset: String(offset) }));
    if (offsets.length > 0) await run?.consumer.commitOffsets(offsets);
  });

  const tell = (what: (to: LogListener) => void): void => {
    try {
      if (listener !== undefined) what(listener);
    } catch (error) {
      setImmediate(() => {
        throw error; // I3
      });
    }
  };

  /** A run that is about to end by itself refuses these calls before it says so; what they set ends with it (I7). */
  const direct = (partition: number, order: (consumer: Consumer) => void): void => {
    if (run === undefined || !positions.isAssigned(partition)) return;
    try {
      order(run.consumer);
    } catch (err) {
      logger.debug({ err, partition }, "the log's consumer is ending");
    }
  };
  const seekTo = (partition: number, offset: number): void =>
    direct(partition, (consumer) => consumer.seek({ topic, partition, offset: String(offset) }));
  const seek = (partition: number, offset: number): void => {
    if (positions.isAssigned(partition)) positions.seek(partition, offset);
    seekTo(partition, offset);
  };

  const receive = ({ partition, from, to, messages }: RawBatch): boolean => {
    const next = positions.next(partition);
    const verdict = positions.judge(partition, from, to); // I2
    if (verdict === "seek_again" && next !== undefined) {
      logger.debug({ partition, from, to, next }, "a range that starts elsewhere; seeking again");
      seekTo(partition, next);
    }
    if (verdict !== "deliver") return false;
    tell((to_) => to_.fetched({ partition, from, to, records: messages.map(toRecord) }));
    return true;
  };

  const replace = (ended: ConsumerRun | undefined, reason: Error): void => {
    if (stopped || ended !== run) return; // I1
    const longerMs = isSessionRefused(reason) ? sessionStepsMs.find((each) => each > sessionTimeoutMs) : undefined;
    if (longerMs !== undefined) {
      logger.warn({ sessionTimeoutMs, longerMs }, "the broker refuses the session's time-out; asking for a longer one");
      sessionTimeoutMs = longerMs; // I6
    }
    void ended?.retire(retireMs);
    run = undefined;
    positions.assign([]);
    progress.clear();
    const delayMs = Math.min(limits.retryDelayMsMin * 2 ** attempts++, limits.retryDelayMsMax);
    logger[isExpected(reason.message) ? "debug" : "warn"](
      { err: reason, delayMs },
      "the log's consumer ended; starting a new one",
    );
    tell((to) => to.lost(reason));
    restartTimer = setTimeout(launch, delayMs);
  };

  const held = (): readonly HeldPartition[] => listener?.held?.() ?? [];

  const launch = (): void => {
    silentTicks = 0;
    const mine: ConsumerRun = startConsumer(consumerSettings(options, held, sessionTimeoutMs), {
      joined: (partitions) => {
        if (run !== mine) return; // I1
        attempts = 0;
        positions.assign(partitions);
        tell((to) => to.assigned(partitions));
      },
      batch: (batch) => run === mine && receive(batch),
      alive: () => {
        if (run === mine) silentTicks = 0;
      },
      ended: (reason) => replace(mine, reason),
    });
    run = mine;
  };

  const watch = (): void => {
    // Counted in ticks, not in time: a process that was stopped for a minute has missed one tick, not eight. (I5)
    if (run !== undefined && ++silentTicks > watchTicks) {
      replace(run, new Error(`the consumer did nothing for ${silenceMs} ms`));
    }
  };

  return {
    /** Resolves at once; the group's answer comes as `assigned`. A log that is away is told as `lost`, and tried again. */
    start: (to) => {
      listener = to;
      launch();
      watchTimer = setInterval(watch, silenceMs / watchTicks).unref();
      return Promise.resolve();
    },
    pause: (partition) => direct(partition, (consumer) => consumer.pause([{ topic, partitions: [partition] }])),
    resume: (partition) => direct(partition, (consumer) => consumer.resume([{ topic, partitions: [partition] }])),
    seek,
    reportProgress: (nextOffsets) => progress.report(nextOffsets),
    stop: async () => {
      if (stopped) return;
      stopped = true;
      clearTimeout(restartTimer);
      clearInterval(watchTimer);
      listener = undefined;
      await withDeadline(progress.flush(), retireMs, "committing progress").catch(() => undefined);
      await run?.retire(retireMs);
      run = undefined;
    },
  };
};
