/** The log as it is in Kafka: a topic and a group of its own for each world. */
import { expect } from "vitest";
import { createKafkaAppender } from "../../src/log/kafka/appender.ts";
import { createKafkaInspector } from "../../src/log/kafka/inspector.ts";
import { createKafkaLogAdmin } from "../../src/log/kafka/log-admin.ts";
import { createKafkaSource } from "../../src/log/kafka/source.ts";
import type { LogEnds, LogSource } from "../../src/log/log.ts";
import { connection, logger, makeTopic, plainKafka, sleep, uniqueName, until } from "../integration/log-helpers.ts";
import type { LogWorld } from "./log-world.ts";

const untilMs = 40_000;
/** Longer than `untilMs`: whoever waits for the session of a member that stopped waits in vain. */
const sessionTimeoutMs = 60_000;
const quietMs = 800;

export async function makeKafkaLogWorld(partitionCount: number): Promise<LogWorld> {
  const topic = await makeTopic(partitionCount);
  const groupId = uniqueName("group");
  const appender = createKafkaAppender({ connection, topic, logger });
  const inspector = createKafkaInspector({ connection, topic, logger });
  const admin = createKafkaLogAdmin({ connection, topic, logger });
  const sources: LogSource[] = [];
  return {
    appender,
    inspector,
    admin,
    appendTransaction: async (records, end) => {
      const transactionalId = uniqueName("transaction");
      const before = await inspector.ends();
      const producer = plainKafka().producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: records.map((record) => ({ ...record, headers: {} })) });
      await transaction[end]();
      await producer.disconnect();
      // The coordinator writes the markers after it has answered: what is appended meanwhile comes before them.
      const takes = (partition: number): number => records.filter((each) => each.partition === partition).length + 1;
      const hasMarker = (ends: ReadonlyMap<number, LogEnds>, partition: number): boolean =>
        (ends.get(partition)?.high ?? 0) >= (before.get(partition)?.high ?? 0) + takes(partition);
      const isOver = async (): Promise<boolean> => {
        const ends = await inspector.ends();
        return records.every(({ partition }) => hasMarker(ends, partition));
      };
      await expect.poll(isOver, { timeout: untilMs }).toBe(true);
    },
    newSource: (instanceId) => {
      const progressIntervalMs = 50;
      const source = createKafkaSource({ connection, topic, groupId, logger, instanceId, sessionTimeoutMs, progressIntervalMs }); // prettier-ignore
      sources.push(source);
      return source;
    },
    until: (what, condition) => until(what, condition, untilMs),
    quiet: () => sleep(quietMs),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(sources.map((source) => source.stop()));
      await Promise.all([appender.close(), inspector.close(), admin.close()]);
    },
  };
}
