import kafkajs from "kafkajs";
import { describe, expect, test } from "vitest";
import { ensureTopic, TopicMisconfigured } from "../../src/log/kafka/topic.ts";
import { connection, logger, makeTopic, uniqueName, withAdmin } from "./log-helpers.ts";

const ensure = (name: string, partitionCount: number) =>
  ensureTopic(connection, { name, partitionCount, replicationFactor: 1 }, logger);

describe("ensureTopic", () => {
  test("makes the topic once, however many start at the same time, and takes its count from it", async () => {
    const name = uniqueName("topic");
    const found = await Promise.all([ensure(name, 4), ensure(name, 4), ensure(name, 4)]);
    expect(found).toEqual([{ partitionCount: 4 }, { partitionCount: 4 }, { partitionCount: 4 }]);
    expect(await ensure(name, 2)).toEqual({ partitionCount: 4 });
  });

  test("stops at settings that would lose orders, and names them", async () => {
    const name = await makeTopic(1);
    await withAdmin((admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: kafkajs.ConfigResourceTypes.TOPIC,
            name,
            configEntries: [
              { name: "cleanup.policy", value: "compact" },
              { name: "retention.ms", value: "604800000" },
            ],
          },
        ],
      }),
    );
    const error: unknown = await ensure(name, 1).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TopicMisconfigured);
    // alterConfigs sets all that it does not name back to the broker's defaults, so that more is wrong than these two.
    expect(String(error)).toMatch(/cleanup\.policy is compact, but must be delete/);
    expect(String(error)).toMatch(/retention\.ms is 604800000, but must be -1/);
    expect(String(error)).toContain(`kafka-configs.sh --alter --entity-type topics --entity-name ${name}`);
  });

  test("stops at a topic with fewer partitions than configured", async () => {
    const name = await makeTopic(2);
    await expect(ensure(name, 3)).rejects.toThrow(/number of partitions is 2, but must be at least 3/);
  });
});
