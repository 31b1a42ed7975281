import { setTimeout as sleep } from "node:timers/promises";
import kafkajs, { type Admin } from "kafkajs";
import type { Logger } from "pino";
import { LogUnavailable, type LogEnds, type LogInspector } from "../log.ts";
import { createKafkaClient, questionRetry, type KafkaClient, type KafkaConnection } from "./client.ts";
import { withDeadline } from "./deadline.ts";

export type KafkaInspectorOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly logger: Logger;
  readonly deadlineMs?: number;
};

type Connected = { readonly client: KafkaClient; readonly admin: Admin; questions: number };

const requestTimeoutMs = 2_000;
const closeMs = 1_000;
const againMs = 50;

/**
 * Looks at a topic's ends. `high` is the high watermark, which every acknowledged record is below, and not the end of
 * the last finished transaction: an order behind somebody's open transaction is on the log, and not unknown (P17).
 * kafkajs asks for the latter; patches/ mends it. Each call asks the broker anew; callers join their questions.
 *
 * kafkajs knows for five minutes how many partitions a topic has (kafkajs hazard 5). What lies in one that was added since is
 * on the log, and not unknown: so a broker is asked for their number each time, and a client that knows fewer is replaced.
 */
export const createKafkaInspector = ({
  connection,
  topic,
  logger,
  deadlineMs = 3_000,
}: KafkaInspectorOptions): LogInspector => {
  let connected: Connected | undefined;

  const open = (): Connected => {
    const client = createKafkaClient({ connection, logger, requestTimeoutMs, retry: questionRetry });
    return { client, admin: client.kafka.admin(), questions: 0 };
  };

  /** Undefined: the topic has more partitions than this client knows. */
  const ask = async (admin: Admin): Promise<ReadonlyMap<number, LogEnds> | undefined> => {
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets(topic);
    const { topics } = offsets.length === 0 ? { topics: [] } : await admin.fetchTopicMetadata({ topics: [topic] });
    if ((topics[0]?.partitions.length ?? 0) > offsets.length) return undefined;
    return new Map(offsets.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]));
  };

  /** Undefined: another client is to be asked. */
  const tryOnce = async (withinMs: number): Promise<ReadonlyMap<number, LogEnds> | undefined> => {
    const asked = (connected ??= open());
    asked.questions += 1;
    try {
      const found = await withDeadline(ask(asked.admin), withinMs, "asking for the log's ends");
      if (found === undefined && connected === asked) connected = undefined;
      return found;
    } catch (cause) {
      if (connected === asked) connected = undefined;
      // A partition that was added a moment ago, or that moved: its leader is not ready, or is another one.
      if (cause instanceof kafkajs.KafkaJSProtocolError && cause.retriable) return undefined;
      asked.client.sockets.cut();
      throw new LogUnavailable(`the ends of ${topic} could not be read`, { cause });
    } finally {
      asked.questions -= 1;
      if (connected !== asked && asked.questions === 0) asked.client.sockets.cut();
    }
  };

  return {
    ends: async () => {
      const deadline = performance.now() + deadlineMs;
      for (;;) {
        const found = await tryOnce(deadline - performance.now());
        if (found !== undefined) return found;
        if (performance.now() + againMs > deadline) throw new LogUnavailable(`the ends of ${topic} are not known`);
        await sleep(againMs);
      }
    },
    close: async () => {
      const closing = connected;
      connected = undefined;
      if (closing === undefined) return;
      await withDeadline(closing.admin.disconnect(), closeMs, "disconnecting").catch(() => undefined);
      closing.client.sockets.cut();
    },
  };
};
