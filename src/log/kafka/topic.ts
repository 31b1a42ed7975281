/**
 * The topic of the commands: made by us, and checked at every start, for a wrong setting loses orders without an error.
 * Nothing on it expires by itself (docs/decisions/011-nothing-undecided-expires.md).
 */
import { ExponentialBackoff, handleWhen, retry as retryPolicy } from "cockatiel";
import kafkajs, { type Admin } from "kafkajs";
import type { Logger } from "pino";
import { limits } from "../../limits.ts";
import { createKafkaClient, type KafkaConnection } from "./client.ts";

export type TopicSettings = {
  readonly name: string;
  /** For a topic that is made; one that has more is fine. */
  readonly partitionCount: number;
  readonly replicationFactor: number;
};

/** A setting of an existing topic that would lose or block orders. */
export type TopicProblem = {
  readonly setting: string;
  readonly found: string;
  readonly wanted: string;
  /** What to do. */
  readonly mend: string;
};

/** The topic is not fit to carry orders; start-up must stop. */
export class TopicMisconfigured extends Error {
  override readonly name = "TopicMisconfigured";
  readonly problems: readonly TopicProblem[];
  constructor(topic: string, problems: readonly TopicProblem[]) {
    const lines = problems.map(
      ({ setting, found, wanted, mend }) => `  ${setting} is ${found}, but must be ${wanted}. To mend it: ${mend}`,
    );
    super(`The topic ${topic} is not fit to carry orders:\n${lines.join("\n")}`);
    this.problems = problems;
  }
}

/** A batch of the appender's, with what the record format adds to each record. */
const messageBytesMin = 2 * limits.appendBatchBytesMax;

const settingsToMake = (replicationFactor: number): Record<string, string> => ({
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  "max.message.bytes": String(2 * messageBytesMin),
  "min.insync.replicas": String(Math.min(2, replicationFactor)),
  "unclean.leader.election.enable": "false",
});

export type FoundTopic = {
  readonly partitionCount: number;
  readonly replicationFactor: number;
  readonly config: ReadonlyMap<string, string>;
};

/** What is wrong with the topic found; empty when it is fit. Pure. */
export const topicProblems = (wanted: TopicSettings, found: FoundTopic): TopicProblem[] => {
  const problems: TopicProblem[] = [];
  const check = (setting: string, is: (value: string) => boolean, text: string, value: string): void => {
    const isNow = found.config.get(setting) ?? "not told by the broker";
    const mend = `kafka-configs.sh --alter --entity-type topics --entity-name ${wanted.name} --add-config ${setting}=${value}`;
    if (!is(isNow)) problems.push({ setting, found: isNow, wanted: text, mend });
  };
  check(
    "cleanup.policy",
    (v) => v === "delete",
    "delete, since compaction drops all but a product's last order",
    "delete",
  );
  check("retention.ms", (v) => v === "-1", "-1, since an order that is not decided yet must not expire", "-1");
  check("retention.bytes", (v) => v === "-1", "-1, since an order that is not decided yet must not expire", "-1");
  const bytes = String(2 * messageBytesMin);
  check("max.message.bytes", (v) => Number(v) >= messageBytesMin, `at least ${messageBytesMin}, a whole batch`, bytes);
  if (found.replicationFactor > 1) {
    const unclean = "unclean.leader.election.enable";
    check(
      "min.insync.replicas",
      (v) => Number(v) >= 2,
      "at least 2, so that acknowledged orders are on two brokers",
      "2",
    );
    check(unclean, (v) => v === "false", "false, since such an election drops acknowledged orders", "false");
  }
  if (found.replicationFactor < wanted.replicationFactor) {
    problems.push({
      setting: "replication factor",
      found: String(found.replicationFactor),
      wanted: `at least ${wanted.replicationFactor}, as configured`,
      mend: `kafka-reassign-partitions.sh, or configure ${found.replicationFactor}`,
    });
  }
  if (found.partitionCount < wanted.partitionCount) {
    problems.push({
      setting: "number of partitions",
      found: String(found.partitionCount),
      wanted: `at least ${wanted.partitionCount}, as configured`,
      // Not: add partitions. That moves products to other partitions while orders of theirs are undecided on the old.
      mend: `configure ${found.partitionCount}; partitions are added only to a topic whose orders are all decided`,
    });
  }
  return problems;
};

const inspect = async (admin: Admin, topic: string): Promise<FoundTopic> => {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = topics[0]?.partitions ?? [];
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
  });
  return {
    partitionCount: partitions.length,
    replicationFactor: Math.min(...partitions.map(({ replicas }) => replicas.length)),
    config: new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue])),
  };
};

const makeIfMissing = async (admin: Admin, settings: TopicSettings, logger: Logger): Promise<void> => {
  if ((await admin.listTopics()).includes(settings.name)) return;
  const { name: topic, partitionCount: numPartitions, replicationFactor } = settings;
  const configEntries = Object.entries(settingsToMake(replicationFactor)).map(([name, value]) => ({ name, value }));
  // False when another instance has made it meanwhile.
  const made = await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions, replicationFactor, configEntries }],
  });
  if (made) logger.info({ topic, numPartitions, replicationFactor }, "made the topic of the orders");
};

/** About half a minute, until a broker that was started together with us is there. */
const whileAway = { maxAttempts: 30, backoff: new ExponentialBackoff({ initialDelay: 100, maxDelay: 1_000 }) };

/**
 * Makes the topic if it is missing, checks it, and tells how many partitions it has: the one place where the count
 * comes from (KAFKAJS.md 5). Rejects with `TopicMisconfigured`, or with kafkajs's error when no broker came up.
 */
export const ensureTopic = async (
  connection: KafkaConnection,
  settings: TopicSettings,
  logger: Logger,
): Promise<{ readonly partitionCount: number }> => {
  const retry = { initialRetryTime: 100, maxRetryTime: 500, factor: 0.2, multiplier: 2, retries: 2 };
  const client = createKafkaClient({ connection, logger, requestTimeoutMs: 5_000, retry });
  const admin = client.kafka.admin();
  try {
    return await retryPolicy(
      handleWhen((error) => !(error instanceof TopicMisconfigured)),
      whileAway,
    ).execute(async () => {
      await admin.connect();
      await makeIfMissing(admin, settings, logger);
      const found = await inspect(admin, settings.name);
      const problems = topicProblems(settings, found);
      if (problems.length > 0) throw new TopicMisconfigured(settings.name, problems);
      return { partitionCount: found.partitionCount };
    });
  } finally {
    await admin.disconnect().catch(() => undefined);
    client.sockets.cut();
  }
};
