/**
 * Reads ranges of a Kafka topic again, beside those who decide it: a group of its own with a random name, which commits
 * nothing and is deleted at the end.
 *
 * Who owns what: the reader owns one source and at most one read; a read owns a lane for each partition that is open. Some
 * partitions are open ahead, for a partition that is resumed alone costs a whole wait at the broker.
 *
 * I1 What waits is bounded: a lane pauses its partition above the high mark and resumes it below the low one, and few lanes
 *    are open.
 * I2 When the source replaces its client, every lane goes on where it stands: what it has is not delivered twice.
 * I3 A log that brings nothing for `stallMs` fails the read, so that nobody waits for ever.
 */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { limits } from "../../limits.ts";
import type { LogReader, ReadRange } from "../log-reader.ts";
import { LogUnavailable } from "../log.ts";
import type { FetchedRange } from "../log.ts";
import type { KafkaConnection } from "./client.ts";
import { withDeadline } from "./deadline.ts";
import { deleteGroup } from "./delete-group.ts";
import { createKafkaSource } from "./source.ts";

export type KafkaLogReaderOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly logger: Logger;
  /** A log that brings nothing for so long is away. */
  readonly stallMs?: number;
};

type Lane = {
  readonly partition: number;
  readonly to: number;
  /** Where the next range begins. */
  at: number;
  bytes: number;
  paused: boolean;
  readonly waiting: FetchedRange[];
  wake: () => void;
};

/** What kafkajs makes of a record takes more than a short record's bytes. */
const recordOverheadBytes = 1_000;
const bytesOf = ({ records }: FetchedRange): number =>
  records.reduce((sum, { key, value }) => sum + recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0), 0);

/** Begins to join at once. Nothing is read before the first `read`. */
export const createKafkaLogReader = (options: KafkaLogReaderOptions): LogReader => {
  const { connection, topic, logger, stallMs = limits.auditStallMs } = options;
  const groupId = `tallyman-audit-${randomUUID()}`;
  const source = createKafkaSource({ connection, topic, groupId, logger });
  const lanes = new Map<number, Lane>();
  let isAssigned = false;
  let isReading = false;

  const begin = (lane: Lane): void => {
    if (!isAssigned || lane.at >= lane.to) return;
    source.seek(lane.partition, lane.at);
    if (!lane.paused) source.resume(lane.partition);
  };
  const pause = (lane: Lane): void => {
    lane.paused = true;
    source.pause(lane.partition);
  };

  void source.start({
    assigned: () => {
      isAssigned = true;
      for (const lane of lanes.values()) begin(lane); // I2
    },
    lost: () => (isAssigned = false),
    fetched: (range) => {
      const lane = lanes.get(range.partition);
      if (lane === undefined || range.to <= lane.at) return;
      const from = Math.max(range.from, lane.at);
      const to = Math.min(range.to, lane.to);
      lane.at = to;
      if (from < to) {
        const records = range.records.filter(({ offset }) => offset >= from && offset < to);
        const cut = { partition: range.partition, from, to, records };
        lane.waiting.push(cut);
        lane.bytes += bytesOf(cut);
      }
      if (lane.bytes >= limits.auditReadAheadBytesHigh || lane.at >= lane.to) pause(lane); // I1
      lane.wake();
    },
  });

  const open = ({ partition, from, to }: ReadRange): Lane => {
    const lane = { partition, to, at: from, bytes: 0, paused: false, waiting: [], wake: () => undefined };
    lanes.set(partition, lane);
    begin(lane);
    return lane;
  };

  const next = async (lane: Lane): Promise<FetchedRange> => {
    for (;;) {
      const range = lane.waiting.shift();
      if (range !== undefined) {
        lane.bytes -= bytesOf(range);
        if (lane.paused && lane.bytes <= limits.auditReadAheadBytesLow && lane.at < lane.to) {
          lane.paused = false;
          source.resume(lane.partition);
        }
        return range;
      }
      const woken = new Promise<void>((resolve) => (lane.wake = resolve));
      await withDeadline(woken, stallMs, `partition ${lane.partition}, offset ${lane.at}`).catch((cause: unknown) => {
        throw new LogUnavailable(`the log ${topic} brings nothing`, { cause }); // I3
      });
    }
  };

  return {
    read: async function* (wanted) {
      if (isReading) throw new TypeError("one read at a time");
      isReading = true;
      const ahead = wanted.filter(({ from, to }) => from < to);
      const opened: Lane[] = [];
      try {
        for (;;) {
          while (opened.length < limits.auditPartitionsOpenMax) {
            const range = ahead.shift();
            if (range === undefined) break;
            opened.push(open(range));
          }
          const lane = opened[0];
          if (lane === undefined) return;
          for (let at = 0; at < lane.to;) {
            const range = await next(lane);
            at = range.to;
            yield range;
          }
          opened.shift();
          lanes.delete(lane.partition);
        }
      } finally {
        for (const lane of lanes.values()) pause(lane);
        lanes.clear();
        isReading = false;
      }
    },
    close: async () => {
      await source.stop();
      await deleteGroup({ connection, logger }, groupId);
    },
  };
};
