/**
 * Adds partitions to a topic and asks each broker how many there are.
 *
 * kafkajs asks any broker that it likes; a client whose connections all lead to one broker asks that one (`pinnedTo`). Which
 * brokers there are is asked anew each time, for one that comes back may be one that knows less.
 */
import kafkajs, { type Admin } from "kafkajs";
import type { Logger } from "pino";
import { limits } from "../../limits.ts";
import { LogRefused, type LogAdmin } from "../log-admin.ts";
import { LogUnavailable } from "../log.ts";
import { createKafkaClient, type KafkaClient, type KafkaConnection } from "./client.ts";
import { withDeadline } from "./deadline.ts";
import type { SocketAddress } from "./sockets.ts";

export type KafkaLogAdminOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly logger: Logger;
  readonly deadlineMs?: number;
};

const requestTimeoutMs = 2_000;
const retry = { initialRetryTime: 50, maxRetryTime: 500, factor: 0.2, multiplier: 2, retries: 2 };
const closeMs = 1_000;

type Connected = { readonly client: KafkaClient; readonly admin: Admin };

/** Makes no connection before it is asked something; one that failed is thrown away. */
export const createKafkaLogAdmin = (options: KafkaLogAdminOptions): LogAdmin => {
  const { connection, topic, logger, deadlineMs = limits.logAdminDeadlineMs } = options;
  /** By `host:port`; the client that asks any broker has the name "any". */
  const connected = new Map<string, Connected>();

  const clientOf = (name: string, broker?: SocketAddress): Connected => {
    const known = connected.get(name);
    if (known !== undefined) return known;
    const pinned = broker === undefined ? {} : { pinnedTo: broker };
    const brokers = broker === undefined ? connection.brokers : [`${broker.host}:${broker.port}`];
    const client = createKafkaClient({
      connection: { ...connection, brokers },
      logger,
      requestTimeoutMs,
      retry,
      ...pinned,
    });
    const made = { client, admin: client.kafka.admin() };
    connected.set(name, made);
    return made;
  };
  const discard = (name: string, asked: Connected): void => {
    asked.client.sockets.cut();
    if (connected.get(name) === asked) connected.delete(name);
  };

  const ask = async <Answer>(
    question: (admin: Admin) => Promise<Answer>,
    what: string,
    broker?: SocketAddress,
  ): Promise<Answer> => {
    const name = broker === undefined ? "any" : `${broker.host}:${broker.port}`;
    const asked = clientOf(name, broker);
    const work = asked.admin.connect().then(() => question(asked.admin));
    try {
      return await withDeadline(work, deadlineMs, what);
    } catch (cause) {
      if (isRefusal(cause)) throw cause; // An answer: the client is well, and others may be waiting for it.
      discard(name, asked);
      throw new LogUnavailable(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  };

  const partitionCounts = async (): Promise<readonly number[]> => {
    const { brokers } = await ask((admin) => admin.describeCluster(), "asking for the brokers of the log");
    const names = new Set(["any", ...brokers.map(({ host, port }) => `${host}:${port}`)]);
    for (const [name, left] of connected) if (!names.has(name)) discard(name, left);
    return Promise.all(
      brokers.map(async (broker) => {
        const what = `asking broker ${broker.nodeId} for the partitions of ${topic}`;
        const { topics } = await ask((admin) => admin.fetchTopicMetadata({ topics: [topic] }), what, broker);
        return topics[0]?.partitions.length ?? 0;
      }),
    );
  };

  const create = async (count: number, validateOnly: boolean): Promise<void> => {
    if (Math.max(...(await partitionCounts())) >= count) return;
    try {
      await ask(
        (admin) => admin.createPartitions({ topicPartitions: [{ topic, count }], validateOnly }),
        `adding partitions to ${topic}`,
      );
    } catch (cause) {
      if (!isRefusal(cause)) throw cause;
      // Somebody else has added them meanwhile, perhaps.
      if (Math.max(...(await partitionCounts())) >= count) return;
      throw new LogRefused(`Kafka does not give ${topic} ${count} partitions: ${cause.message}`, { cause });
    }
  };

  return {
    partitionCounts,
    addPartitions: (toCount) => create(toCount, false),
    checkPartitions: (toCount) => create(toCount, true),
    close: async () => {
      const closing = [...connected];
      await Promise.all(
        closing.map(async ([name, each]) => {
          await withDeadline(each.admin.disconnect(), closeMs, "disconnecting").catch(() => undefined);
          discard(name, each);
        }),
      );
    },
  };
};

/** What the broker said itself, and would say again. A request that it could not carry out in time is none. */
function isRefusal(error: unknown): error is Error {
  return error instanceof kafkajs.KafkaJSProtocolError && !error.retriable && error.type !== "REQUEST_TIMED_OUT";
}
