/**
 * The topic of the commands: made by us, and checked at every start, for a wrong setting loses orders without an error.
 * Nothing on it expires by itself (docs/decisions/011-nothing-undecided-expires.md).
 */
import { ExponentialBackoff, handleWhen, retry as retryPolicy } from "cockatiel";
import kafkajs, { type Admin } from "kafkajs";
import type { Logger } from "pino";
import { createKafkaClient, questionRetry, type KafkaConnection } from "./client.ts";
import {
  deadLetterSettingsToMake,
  decisionsSettingsToMake,
  decisionsTopicProblems,
  settingsToMake,
  topicProblems,
  type FoundTopic,
  type TopicProblem,
  type TopicSettings,
} from "./topic-settings.ts";

/** A topic is not fit; start-up must stop. */
export class TopicMisconfigured extends Error {
  override readonly name = "TopicMisconfigured";
  readonly problems: readonly TopicProblem[];
  constructor(topic: string, problems: readonly TopicProblem[]) {
    const lines = problems.map(
      ({ setting, found, wanted, mend }) => `  ${setting} is ${found}, but must be ${wanted}. To mend it: ${mend}`,
    );
    super(`The topic ${topic} is not fit:\n${lines.join("\n")}`);
    this.problems = problems;
  }
}

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

const makeIfMissing = async (
  admin: Admin,
  { name: topic, partitionCount: numPartitions, replicationFactor }: TopicSettings,
  config: Readonly<Record<string, string>>,
  logger: Logger,
): Promise<void> => {
  if ((await admin.listTopics()).includes(topic)) return;
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  // False when another instance has made it meanwhile.
  const made = await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions, replicationFactor, configEntries }],
  });
  if (made) logger.info({ topic, numPartitions, replicationFactor }, "made a topic");
};

/** About half a minute, until a broker that was started together with us is there; kafkajs tries three times in each attempt. */
const whileAway = { maxAttempts: 20, backoff: new ExponentialBackoff({ initialDelay: 100, maxDelay: 1_000 }) };

/**
 * Makes the topic if it is missing, checks it, and tells how many partitions it has: the one place where the count
 * comes from (kafkajs hazard 5). Rejects with `TopicMisconfigured`, or with kafkajs's error when no broker came up.
 */
export const ensureTopic = (
  connection: KafkaConnection,
  settings: TopicSettings,
  logger: Logger,
): Promise<{ readonly partitionCount: number }> =>
  ensureAs({ make: settingsToMake, problemsOf: topicProblems }, connection, settings, logger);

/** Makes the dead-letter topic if it is missing; what is there is its operator's to set. Rejects as `ensureTopic` does. */
export const ensureDeadLetterTopic = (
  connection: KafkaConnection,
  settings: TopicSettings,
  logger: Logger,
): Promise<{ readonly partitionCount: number }> =>
  ensureAs({ make: deadLetterSettingsToMake, problemsOf: () => [] }, connection, settings, logger);

/**
 * Makes the decisions topic if it is missing, and checks it. Its count of partitions is fixed when it is made: with another one
 * later, a product's decisions would be in two partitions. Rejects as `ensureTopic` does.
 */
export const ensureDecisionsTopic = (
  connection: KafkaConnection,
  settings: TopicSettings,
  logger: Logger,
): Promise<{ readonly partitionCount: number }> =>
  ensureAs({ make: decisionsSettingsToMake, problemsOf: decisionsTopicProblems }, connection, settings, logger);

type TopicKind = { readonly make: typeof settingsToMake; readonly problemsOf: typeof topicProblems };

const ensureAs = (
  { make, problemsOf }: TopicKind,
  connection: KafkaConnection,
  settings: TopicSettings,
  logger: Logger,
): Promise<{ readonly partitionCount: number }> =>
  whenUp(connection, logger, async (admin) => {
    await makeIfMissing(admin, settings, make(settings.replicationFactor), logger);
    const found = await inspect(admin, settings.name);
    const problems = problemsOf(settings, found);
    if (problems.length > 0) throw new TopicMisconfigured(settings.name, problems);
    return { partitionCount: found.partitionCount };
  });

const whenUp = async <T>(
  connection: KafkaConnection,
  logger: Logger,
  work: (admin: Admin) => Promise<T>,
): Promise<T> => {
  const client = createKafkaClient({ connection, logger, requestTimeoutMs: 5_000, retry: questionRetry });
  const admin = client.kafka.admin();
  try {
    return await retryPolicy(
      handleWhen((error) => !(error instanceof TopicMisconfigured)),
      whileAway,
    ).execute(async () => {
      await admin.connect();
      return await work(admin);
    });
  } finally {
    await admin.disconnect().catch(() => undefined);
    client.sockets.cut();
  }
};
