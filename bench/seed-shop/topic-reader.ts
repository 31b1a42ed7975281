// The shop's topic: made with one partition, so that its messages at least keep their order, and asked how far the consumer is.
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../local/failure.ts";
import { createKafka } from "./settings.ts";

const pollMs = 50;
/** Without any movement. */
const limitMs = 30_000;

export type TopicReader = AsyncDisposable & {
  /** Resolves when the topic has at least `count` messages and the consumer has written the last of them. Throws a Failure. */
  untilConsumed(count: number): Promise<void>;
};

/** `name` is the topic's and the consumer's group's. */
export async function createTopicReader(brokers: string, name: string, signal: AbortSignal): Promise<TopicReader> {
  const admin = createKafka({ brokers: brokers.split(",") }).admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic: name, numPartitions: 1 }], waitForLeaders: true });
  } catch (error) {
    await admin.disconnect();
    throw error;
  }
  const look = async (): Promise<{ sent: number; consumed: number }> => {
    const ends = await admin.fetchTopicOffsets(name);
    const groups = await admin.fetchOffsets({ groupId: name, topics: [name] });
    // The group commits a position when all before it are written; -1: none yet.
    const consumed = Number(groups[0]?.partitions[0]?.offset ?? -1);
    return { sent: Number(ends[0]?.high ?? 0), consumed: Math.max(0, consumed) };
  };
  return {
    untilConsumed: async (count) => {
      let last = "";
      let movedAt = performance.now();
      for (;;) {
        const { sent, consumed } = await look();
        if (sent >= count && consumed === sent) return;
        const now = `${sent} of ${count} messages are on the topic, and ${consumed} consumed`;
        if (now !== last) movedAt = performance.now();
        if (performance.now() - movedAt > limitMs) throw new Failure(`The shop does not come to rest: ${now}.`);
        last = now;
        await sleep(pollMs, undefined, { signal });
      }
    },
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}
