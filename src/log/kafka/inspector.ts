import type { Admin } from "kafkajs";
import type { Logger } from "pino";
import { LogUnavailable, type LogEnds, type LogInspector } from "../log.ts";
import { createKafkaClient, type KafkaClient, type KafkaConnection } from "./client.ts";
import { withDeadline } from "./deadline.ts";

export type KafkaInspectorOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly logger: Logger;
  readonly deadlineMs?: number;
};

const requestTimeoutMs = 2_000;
const retry = { initialRetryTime: 100, maxRetryTime: 500, factor: 0.2, multiplier: 2, retries: 2 };
const closeMs = 1_000;

/**
 * Looks at a topic's ends. `high` is the high watermark, which every acknowledged record is below, and not the end of
 * the last finished transaction: an order behind somebody's open transaction is on the log, and not unknown (P17).
 * kafkajs asks for the latter; patches/ mends it. Each call asks the broker anew; callers join their questions.
 */
export const createKafkaInspector = ({
  connection,
  topic,
  logger,
  deadlineMs = 3_000,
}: KafkaInspectorOptions): LogInspector => {
  let connected: { readonly client: KafkaClient; readonly admin: Admin } | undefined;

  const open = () => {
    const client = createKafkaClient({ connection, logger, requestTimeoutMs, retry });
    return { client, admin: client.kafka.admin() };
  };

  const ask = async (admin: Admin): Promise<ReadonlyMap<number, LogEnds>> => {
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets(topic);
    return new Map(offsets.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]));
  };

  return {
    ends: async () => {
      const asked = (connected ??= open());
      try {
        return await withDeadline(ask(asked.admin), deadlineMs, "asking for the log's ends");
      } catch (cause) {
        asked.client.sockets.cut();
        if (connected === asked) connected = undefined;
        throw new LogUnavailable(`the ends of ${topic} could not be read`, { cause });
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
