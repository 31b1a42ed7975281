/** The pinned assigner in groups on the real broker: growth of the topic, restarts, members of the version before, sessions that the broker refuses. */
import { PartitionAssigners } from "kafkajs";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { KafkaSourceOptions } from "../../src/log/kafka/source-options.ts";
import { makeTopic, Reader, uniqueName, until, withAdmin } from "./log-helpers.ts";

let topic: string;
let groupId: string;
let readers: Reader[];
const partitionCount = 4;
beforeEach(async () => {
  topic = await makeTopic(partitionCount);
  groupId = uniqueName("group");
  readers = [];
});
afterEach(() => Promise.all(readers.map(({ source }) => source.stop())));

const join = async (instanceId: string, options: Partial<KafkaSourceOptions> = {}): Promise<Reader> => {
  const reader = new Reader(topic, { groupId, instanceId, ...options });
  readers.push(reader);
  await reader.start();
  return reader;
};
const ownedBy = (reader: Reader): readonly number[] => reader.assignments.at(-1) ?? [];
const areShared = (some: readonly Reader[], count: number): boolean => {
  const sizes = some.map((reader) => ownedBy(reader).length);
  const all = new Set(some.flatMap(ownedBy));
  return all.size === count && Math.min(...sizes) >= Math.floor(count / some.length) && sum(sizes) === count;
};
const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
const untilShared = (some: readonly Reader[], count = partitionCount): Promise<void> =>
  until(`${count} partitions are shared by ${some.length}`, () => areShared(some, count));
const protocolOf = async (): Promise<string | undefined> => {
  const { groups } = await withAdmin((admin) => admin.describeGroups([groupId]));
  return groups[0]?.protocol;
};

test("partitions that are added are shared out in a moment, and nobody loses one", async () => {
  const both = [await join("a"), await join("b")];
  await untilShared(both);
  const before = both.map(ownedBy);
  await withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 8 }] }));
  const addedAt = performance.now();
  await untilShared(both, 8);
  expect(performance.now() - addedAt).toBeLessThan(10_000);
  for (const [index, reader] of both.entries()) {
    expect(ownedBy(reader)).toEqual(expect.arrayContaining([...(before[index] ?? [])]));
  }
});

test("whoever stays keeps its own when another comes or goes, and who comes back gets its own", async () => {
  const [a, b] = [await join("a"), await join("b")];
  await untilShared([a, b]);
  const [ofA, ofB] = [ownedBy(a), ownedBy(b)];
  await a.source.stop();
  await untilShared([b]);
  const again = await join("a");
  await untilShared([again, b]);
  expect([ownedBy(again), ownedBy(b)]).toEqual([ofA, ofB]);
});

test("members of the version before go round with all others, and when the last has gone all are pinned", async () => {
  const old = await join("unnamed", { assigners: [PartitionAssigners.roundRobin] });
  await untilShared([old]);
  const pinned = await join("a");
  await untilShared([old, pinned]);
  expect(await protocolOf()).toBe("RoundRobinAssigner");
  await old.source.stop();
  await untilShared([pinned]);
  expect(await protocolOf()).toBe("tallyman-pinned");
  expect(pinned.lost).toEqual([]);
});

test("a session shorter than the broker allows is asked for again, longer", async () => {
  const reader = await join("a", { sessionTimeoutMs: 300 });
  await untilShared([reader]);
  expect(reader.lost.map(({ message }) => message)).toEqual([expect.stringContaining("session timeout")]);
});
