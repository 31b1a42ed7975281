/** What the topic of the commands must be like: made so, and checked (docs/decisions/011-nothing-undecided-expires.md). */
import { limits } from "../../limits.ts";

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

/** A batch of the appender's, with what the record format adds to each record. */
const messageBytesMin = 2 * limits.appendBatchBytesMax;

/** The settings of a topic that we make. */
export const settingsToMake = (replicationFactor: number): Record<string, string> => ({
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  "max.message.bytes": String(2 * messageBytesMin),
  "min.insync.replicas": String(Math.min(2, replicationFactor)),
  "unclean.leader.election.enable": "false",
});

/** The same, for the dead-letter topic, whose records may be as long as what some producer wrote. */
export const deadLetterSettingsToMake = (replicationFactor: number): Record<string, string> => ({
  ...settingsToMake(replicationFactor),
  "max.message.bytes": String(limits.deadLetterMessageBytesMax),
});

/** The same, for the decisions topic: what is on it can be had again from the ledger, so that it expires as the broker has it. */
export const decisionsSettingsToMake = (replicationFactor: number): Record<string, string> =>
  Object.fromEntries(
    Object.entries(settingsToMake(replicationFactor)).filter(([setting]) => !setting.startsWith("retention.")),
  );

/** What is wrong with a decisions topic; empty when it is fit. Pure. */
export const decisionsTopicProblems = (wanted: TopicSettings, found: FoundTopic): TopicProblem[] =>
  topicProblems({ ...wanted, partitionCount: 1 }, found).filter(({ setting }) => !setting.startsWith("retention."));

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
    "delete, since compaction drops all but a product's last record",
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
      // Not by Kafka's tools: nobody would hold commands of products that move (P19).
      mend: `configure ${found.partitionCount}, start, and add partitions with: tallyman partitions grow`,
    });
  }
  return problems;
};
