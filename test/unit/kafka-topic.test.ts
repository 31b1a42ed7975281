import { describe, expect, test } from "vitest";
import { topicProblems, type FoundTopic } from "../../src/log/kafka/topic-settings.ts";
import { TopicMisconfigured } from "../../src/log/kafka/topic.ts";

const wanted = { name: "orders", partitionCount: 12, replicationFactor: 3 };
const fit: FoundTopic = {
  partitionCount: 12,
  replicationFactor: 3,
  config: new Map([
    ["cleanup.policy", "delete"],
    ["retention.ms", "-1"],
    ["retention.bytes", "-1"],
    ["max.message.bytes", "4000000"],
    ["min.insync.replicas", "2"],
    ["unclean.leader.election.enable", "false"],
  ]),
};
const withSetting = (setting: string, value: string): FoundTopic => ({
  ...fit,
  config: new Map([...fit.config, [setting, value]]),
});

describe("topicProblems", () => {
  test("a fit topic has none", () => {
    expect(topicProblems(wanted, fit)).toEqual([]);
  });

  test("more partitions or replicas than configured are fine", () => {
    expect(topicProblems(wanted, { ...fit, partitionCount: 24, replicationFactor: 5 })).toEqual([]);
  });

  test.each([
    ["cleanup.policy", "compact"],
    ["cleanup.policy", "compact,delete"],
    ["retention.ms", "604800000"],
    ["retention.bytes", "1073741824"],
    ["max.message.bytes", "1048588"],
    ["min.insync.replicas", "1"],
    ["unclean.leader.election.enable", "true"],
  ])("%s = %s is named, with the mend", (setting, value) => {
    const problems = topicProblems(wanted, withSetting(setting, value));
    expect(problems).toMatchObject([{ setting, found: value }]);
    expect(problems[0]?.mend).toContain(`--entity-name orders --add-config ${setting}=`);
    const { message } = new TopicMisconfigured("orders", problems);
    expect(message).toContain(`${setting} is ${value}, but must be`);
  });

  test("a setting that the broker does not tell is not taken for good", () => {
    expect(topicProblems(wanted, { ...fit, config: new Map() })).toHaveLength(6);
  });

  test("one broker needs no in-sync replicas", () => {
    const single = { ...withSetting("min.insync.replicas", "1"), replicationFactor: 1 };
    expect(topicProblems({ ...wanted, replicationFactor: 1 }, single)).toEqual([]);
  });

  test("fewer partitions or replicas than configured are named", () => {
    const settings = (found: FoundTopic): string[] => topicProblems(wanted, found).map(({ setting }) => setting);
    expect(settings({ ...fit, partitionCount: 6 })).toEqual(["number of partitions"]);
    expect(settings({ ...fit, replicationFactor: 2 })).toEqual(["replication factor"]);
  });
});
