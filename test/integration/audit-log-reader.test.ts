/** The log read again for an audit, on a real broker: what comes, in which order, and what stays behind. */
import { randomUUID } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import { createKafkaLogReader } from "../../src/log/kafka/log-reader.ts";
import type { KafkaLogReaderOptions } from "../../src/log/kafka/log-reader.ts";
import type { LogReader, ReadRange } from "../../src/log/log-reader.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import type { FetchedRange } from "../../src/log/log.ts";
import { connection, deleteRecords, logger, makeTopic, plainKafka, sleep, withAdmin } from "./log-helpers.ts";
import { startKafkaProxy } from "./log-proxy.ts";

let topic: string;
let readers: LogReader[] = [];

const createReader = (options: Partial<KafkaLogReaderOptions> = {}): LogReader => {
  const reader = createKafkaLogReader({ connection, topic, logger, ...options });
  readers.push(reader);
  return reader;
};

beforeEach(async () => {
  topic = await makeTopic(3);
});
afterEach(async () => {
  await Promise.all(readers.map((reader) => reader.close()));
  readers = [];
});

const produce = async (partition: number, values: readonly (string | Buffer)[]): Promise<void> => {
  const producer = plainKafka().producer();
  await producer.connect();
  for (const value of values) await producer.send({ topic, messages: [{ partition, key: "k", value }] });
  await producer.disconnect();
};

const read = async (reader: LogReader, wanted: readonly ReadRange[]): Promise<FetchedRange[]> => {
  const ranges: FetchedRange[] = [];
  for await (const range of reader.read(wanted)) ranges.push(range);
  return ranges;
};

const valuesOf = (ranges: readonly FetchedRange[]): string[] =>
  ranges.flatMap(({ partition, records }) =>
    records.map(({ offset, value }) => `${partition}/${offset} ${String(value)}`),
  );

/** Each partition's ranges follow one another without a gap. */
const expectWhole = (ranges: readonly FetchedRange[], wanted: readonly ReadRange[]): void => {
  for (const { partition, from, to } of wanted) {
    let at = from;
    for (const range of ranges.filter((each) => each.partition === partition)) {
      expect(range.from).toBe(at);
      at = range.to;
    }
    expect(at).toBe(to);
  }
};

/** What buffers hold that somebody still has. */
const bytesHeld = (): number => {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().arrayBuffers;
};

describe("a read", () => {
  test("brings what was asked for, partition after partition, and nothing above it", async () => {
    await produce(0, ["a", "b", "c", "d"]);
    await produce(2, ["x", "y"]);
    const reader = createReader();
    const wanted = [
      { partition: 0, from: 1, to: 3 },
      { partition: 1, from: 0, to: 0 },
      { partition: 2, from: 0, to: 2 },
    ];
    const ranges = await read(reader, wanted);
    expect(valuesOf(ranges)).toEqual(["0/1 b", "0/2 c", "2/0 x", "2/1 y"]);
    expectWhole(ranges, wanted);
    // The same reader again, the other way round.
    expect(valuesOf(await read(reader, wanted.toReversed()))).toEqual(["2/0 x", "2/1 y", "0/1 b", "0/2 c"]);
  });

  test("covers what transactions leave: markers, and records that were taken back", async () => {
    const producer = plainKafka().producer({ transactionalId: randomUUID(), maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    for (const commit of [true, false, true]) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ partition: 0, value: String(commit) }] });
      await (commit ? transaction.commit() : transaction.abort());
    }
    await producer.disconnect();
    const wanted = [{ partition: 0, from: 0, to: 6 }];
    const ranges = await read(createReader(), wanted);
    expect(valuesOf(ranges)).toEqual(["0/0 true", "0/4 true"]);
    expectWhole(ranges, wanted);
  });

  test("waits for whoever takes it, with bounded memory, and goes on", async () => {
    const [count, bytes] = [150, 200_000];
    await produce(0, Array<Buffer>(count).fill(Buffer.alloc(bytes)));
    await produce(1, ["z"]);
    const wanted = [
      { partition: 0, from: 0, to: count },
      { partition: 1, from: 0, to: 1 },
    ];
    const ranges: FetchedRange[] = [];
    for await (const range of createReader().read(wanted)) {
      ranges.push({ ...range, records: [] });
      if (ranges.length > 1) continue;
      // So long that everything would come, if nothing held it back.
      const before = bytesHeld();
      await sleep(2_000);
      expect(bytesHeld() - before).toBeLessThan((count * bytes) / 3);
    }
    expectWhole(ranges, wanted);
    expect((count * bytes) / 3).toBeGreaterThan(4 * limits.auditReadAheadBytesHigh);
  });

  test("says by its first range what was trimmed", async () => {
    await produce(0, ["a", "b", "c", "d"]);
    await deleteRecords(topic, 0, 2);
    const ranges = await read(createReader(), [{ partition: 0, from: 0, to: 4 }]);
    expect([ranges[0]?.from, valuesOf(ranges)]).toEqual([2, ["0/2 c", "0/3 d"]]);
  });

  test("goes on where it stands when its client is replaced", async () => {
    const count = 60;
    await produce(0, Array<Buffer>(count).fill(Buffer.alloc(200_000)));
    const proxy = await startKafkaProxy();
    try {
      const reader = createReader({ connection: { ...connection, brokers: [proxy.address] } });
      const wanted = [{ partition: 0, from: 0, to: count }];
      const ranges: FetchedRange[] = [];
      for await (const range of reader.read(wanted)) {
        if (ranges.length === 0) {
          proxy.setDown(true);
          await sleep(500);
          proxy.setDown(false);
        }
        ranges.push(range);
      }
      expectWhole(ranges, wanted);
      await reader.close();
    } finally {
      await proxy.close();
    }
  });

  test("of what is not there fails, after a while", async () => {
    await produce(0, ["a"]);
    const reading = read(createReader({ stallMs: 3_000 }), [{ partition: 0, from: 0, to: 2 }]);
    await expect(reading).rejects.toThrow(LogUnavailable);
  });

  test("may be left, and another one begun", async () => {
    await produce(0, ["a", "b"]);
    const reader = createReader();
    for await (const _range of reader.read([{ partition: 0, from: 0, to: 1 }])) break;
    expect(valuesOf(await read(reader, [{ partition: 0, from: 0, to: 2 }]))).toEqual(["0/0 a", "0/1 b"]);
  });
});

test("nothing stays behind: no group, no offsets", async () => {
  const groups = () =>
    withAdmin(async (admin) =>
      (await admin.listGroups()).groups.map(({ groupId }) => groupId).filter((id) => id.startsWith("tallyman-audit-")),
    );
  await produce(0, ["a"]);
  const before = await groups();
  const reader = createReader();
  await read(reader, [{ partition: 0, from: 0, to: 1 }]);
  const during = (await groups()).filter((id) => !before.includes(id));
  expect(during).toHaveLength(1);
  await withAdmin(async (admin) => {
    const offsets = await admin.fetchOffsets({ groupId: during[0] ?? "", topics: [topic] });
    expect(offsets.flatMap(({ partitions }) => partitions).every(({ offset }) => offset === "-1")).toBe(true);
  });
  await reader.close();
  expect((await groups()).filter((id) => !before.includes(id))).toEqual([]);
});
