import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createOrderWriter, WriterOverloaded } from "../../src/api/order-writer.ts";
import type { OrderWriter, WriterLimits } from "../../src/api/order-writer.ts";
import { systemClock } from "../../src/clock.ts";
import { limits } from "../../src/limits.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import type { AppendRecord } from "../../src/log/log.ts";
import { createMetrics } from "../../src/ops/metrics.ts";

type Append = { records: readonly AppendRecord[]; succeed: () => void; fail: () => void };

/** An appender whose every answer the test gives. */
function heldAppender() {
  const appends: Append[] = [];
  const offsets = new Map<number, number>();
  let inFlight = 0;
  let inFlightMax = 0;
  const append = (records: readonly AppendRecord[]): Promise<number[]> =>
    new Promise((resolve, reject) => {
      inFlightMax = Math.max(inFlightMax, ++inFlight);
      const succeed = () => {
        inFlight--;
        resolve(
          records.map(({ partition }) => {
            const offset = offsets.get(partition) ?? 0;
            offsets.set(partition, offset + 1);
            return offset;
          }),
        );
      };
      const fail = () => {
        inFlight--;
        reject(new LogUnavailable("switched off"));
      };
      appends.push({ records, succeed, fail });
    });
  return { appends, append, inFlightMax: () => inFlightMax };
}

const record = (text: string, partition = 0, bytes = 10): AppendRecord => ({
  partition,
  key: text,
  value: Buffer.alloc(bytes, text),
});
const keysOf = (append: Append | undefined) => append?.records.map(({ key }) => key);
const turn = () => new Promise((resolve) => setImmediate(resolve));

function open(bounds: Partial<WriterLimits> = {}) {
  const appender = heldAppender();
  const metrics = createMetrics({ defaults: false });
  const writer = createOrderWriter({ appender, metrics, bounds: { ...limits, ...bounds } });
  return { ...appender, writer, metrics };
}

test("what comes in one turn leaves together; what comes meanwhile is the next batch", async () => {
  const { writer, appends } = open();
  const first = [writer.append(record("a")), writer.append(record("b"))];
  await turn();
  const second = [writer.append(record("c")), writer.append(record("d", 1))];
  await turn();
  expect(appends.map(keysOf)).toEqual([["a", "b"]]);
  appends[0]?.succeed();
  expect(await Promise.all(first)).toEqual([0, 1]);
  await turn();
  expect(keysOf(appends[1])).toEqual(["c", "d"]);
  appends[1]?.succeed();
  expect(await Promise.all(second)).toEqual([2, 0]);
  await writer.close();
});

test("a batch is bounded in records and in bytes; a record larger than a batch goes alone", async () => {
  const { writer, appends } = open({ appendBatchRecordsMax: 3, appendBatchBytesMax: 1_000 });
  const sizes = [1, 1, 1, 1, 600, 600, 5_000, 1];
  const all = sizes.map((bytes, index) => writer.append(record(String(index), 0, bytes)));
  const batches: unknown[] = [];
  for (let index = 0; batches.flat().length < sizes.length; index++) {
    await turn();
    batches.push(keysOf(appends[index]));
    appends[index]?.succeed();
  }
  expect(batches).toEqual([["0", "1", "2"], ["3", "4"], ["5"], ["6"], ["7"]]);
  expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  await writer.close();
});

test("a failed append refuses its records and sends none of them again; the next ones go on", async () => {
  const { writer, appends } = open();
  const lost = Promise.allSettled([writer.append(record("a")), writer.append(record("b"))]);
  await turn();
  const next = writer.append(record("c"));
  appends[0]?.fail();
  expect((await lost).every((each) => each.status === "rejected" && each.reason instanceof LogUnavailable)).toBe(true);
  await turn();
  appends[1]?.succeed();
  expect(await next).toBe(0);
  expect(appends.flatMap(({ records }) => records.map(({ key }) => key))).toEqual(["a", "b", "c"]);
  await writer.close();
});

test.each([
  ["records", { appendQueueRecordsMax: 3, appendBatchRecordsMax: 1 }],
  ["bytes", { appendQueueBytesMax: 400, appendBatchRecordsMax: 1 }],
])("a full queue, by %s, refuses at once and takes again when there is room", async (_by, bounds) => {
  const { writer, appends } = open(bounds);
  const taken = [writer.append(record("0"))];
  await turn();
  for (let index = 1; index <= 3; index++) taken.push(writer.append(record(String(index))));
  await expect(writer.append(record("x"))).rejects.toBeInstanceOf(WriterOverloaded);
  appends[0]?.succeed();
  await taken[0];
  await turn();
  taken.push(writer.append(record("4")));
  for (let index = 1; index <= 4; index++) {
    appends[index]?.succeed();
    await turn();
  }
  expect(await Promise.all(taken)).toEqual([0, 1, 2, 3, 4]);
  await writer.close();
});

test("while the first record of the queue has waited for too long, no more are taken", async () => {
  let time = 0;
  const clock = { ...systemClock, monotonic: () => time };
  const appender = heldAppender();
  const bounds = { ...limits, appendQueueAgeMsMax: 1_000 };
  const writer = createOrderWriter({ appender, metrics: createMetrics({ defaults: false }), bounds, clock });
  const taken = [writer.append(record("in flight"))];
  await turn();
  taken.push(writer.append(record("first")));
  time = 1_000;
  taken.push(writer.append(record("in time")));
  time = 1_001;
  await expect(writer.append(record("late"))).rejects.toBeInstanceOf(LogUnavailable);
  appender.appends[0]?.succeed();
  await taken[0];
  await turn();
  taken.push(writer.append(record("again")));
  for (const append of [1, 2]) {
    appender.appends[append]?.succeed();
    await turn();
  }
  expect(await Promise.all(taken)).toEqual([0, 1, 2, 3]);
  await writer.close();
});

describe("who has many", () => {
  const many = { appendQueueRecordsMax: 8, appendBatchRecordsMax: 2 };
  const act = (writer: OrderWriter, name: string, count: number) =>
    writer.whenRoom(count, () => ({ done: Promise.all(keys(name, count).map((key) => writer.append(record(key)))) }));
  const keys = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}${n}`);

  test("waits for room of half the queue, in turn, while single records still find some", async () => {
    const { writer, appends } = open(many);
    const begun: string[] = [];
    const each = (name: string) =>
      act(writer, name, 4).then(({ done }) => {
        begun.push(name);
        return done;
      });
    const all = ["a", "b", "c"].map(each);
    await turn();
    expect(begun).toEqual(["a"]);
    const single = writer.append(record("single"));
    for (let append = 0; append < 7; append++) {
      await turn();
      appends[append]?.succeed();
      await turn();
      // Never more than half of the bound, and the single one.
      expect(begun.length * 4 - (append + 1) * 2).toBeLessThanOrEqual(5);
    }
    await Promise.all([...all, single]);
    expect(begun).toEqual(["a", "b", "c"]);
    const sent = appends.flatMap(({ records }) => records.map(({ key }) => key));
    expect(sent).toEqual([...keys("a", 4), "single", ...keys("b", 4), ...keys("c", 4)]);
    await writer.close();
  });

  test("finds room when nothing queues, however many they are", async () => {
    const { writer, appends } = open(many);
    const { done } = await act(writer, "a", 7);
    for (let append = 0; append < 4; append++) {
      await turn();
      appends[append]?.succeed();
    }
    expect(await done).toHaveLength(7);
    await writer.close();
  });

  test("goes on when what queued is refused, and when the writer closes", async () => {
    const { writer, appends } = open(many);
    const [first, second] = [act(writer, "a", 4), act(writer, "b", 4)];
    await turn();
    appends[0]?.fail();
    await expect(first.then(({ done }) => done)).rejects.toBeInstanceOf(LogUnavailable);
    const third = act(writer, "c", 4);
    const closing = writer.close();
    await expect(third.then(({ done }) => done)).rejects.toBeInstanceOf(WriterOverloaded);
    for (let append = 1; append < 5; append++) {
      await turn();
      appends[append]?.succeed();
    }
    await second.then(({ done }) => done).catch(() => undefined);
    await closing;
  });
});

describe("some at once", () => {
  test("leave in one append with others, and each gets its own offset", async () => {
    const { writer, appends } = open();
    const one = writer.append(record("a"));
    const some = writer.appendAll([record("b"), record("c", 1), record("d")]);
    const last = writer.append(record("e", 1));
    await turn();
    expect(appends.map(keysOf)).toEqual([["a", "b", "c", "d", "e"]]);
    appends[0]?.succeed();
    expect([await one, await some, await last]).toEqual([0, [1, 0, 2], 1]);
    expect(await writer.appendAll([])).toEqual([]);
    await writer.close();
  });

  test("are not taken apart, and count as many as they are", async () => {
    const bounds = { appendBatchRecordsMax: 3, appendQueueRecordsMax: 4 };
    const { writer, appends } = open(bounds);
    const all = [writer.appendAll([record("a"), record("b")]), writer.appendAll([record("c"), record("d")])];
    await expect(writer.appendAll([record("x")])).rejects.toBeInstanceOf(WriterOverloaded);
    await turn();
    expect(keysOf(appends[0])).toEqual(["a", "b"]);
    const next = writer.appendAll([record("e"), record("f")]);
    await expect(writer.append(record("x"))).rejects.toBeInstanceOf(WriterOverloaded);
    for (let append = 0; append < 3; append++) {
      appends[append]?.succeed();
      await turn();
    }
    expect(appends.map(keysOf)).toEqual([
      ["a", "b"],
      ["c", "d"],
      ["e", "f"],
    ]);
    expect((await Promise.all([...all, next])).flat()).toEqual([0, 1, 2, 3, 4, 5]);
    await writer.close();
  });

  test("fail together", async () => {
    const { writer, appends, metrics } = open();
    const some = writer.appendAll([record("a"), record("b")]);
    await turn();
    appends[0]?.fail();
    await expect(some).rejects.toBeInstanceOf(LogUnavailable);
    const { values } = await metrics.appendFailures.get();
    expect(values).toMatchObject([{ value: 2, labels: { code: "log_unavailable" } }]);
    await writer.close();
  });
});

test("closing takes no more and settles what was taken", async () => {
  const { writer, appends } = open();
  const taken = writer.append(record("a"));
  let closed = false;
  const closing = writer.close().then(() => (closed = true));
  await expect(writer.append(record("b"))).rejects.toBeInstanceOf(WriterOverloaded);
  await turn();
  expect(closed).toBe(false);
  appends[0]?.succeed();
  expect(await taken).toBe(0);
  await closing;
  await open().writer.close();
});

describe("deadlines", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());
  const settle = () => vi.advanceTimersByTimeAsync(0);

  test("in flight: refused as unknown; the late answer changes nothing, and the next append waits for it", async () => {
    const { writer, appends } = open({ appendDeadlineMs: 1_000 });
    const late = writer.append(record("a"));
    late.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(600);
    const queued = writer.append(record("b"));
    await vi.advanceTimersByTimeAsync(401);
    await expect(late).rejects.toBeInstanceOf(LogUnavailable);
    expect(appends).toHaveLength(1);
    appends[0]?.succeed();
    await settle();
    expect(keysOf(appends[1])).toEqual(["b"]);
    appends[1]?.succeed();
    expect(await queued).toBe(1);
    await writer.close();
  });

  test("queued: refused, and never sent", async () => {
    const { writer, appends, metrics } = open({ appendDeadlineMs: 1_000 });
    const refused = [writer.append(record("a")), writer.append(record("b"))];
    await settle();
    await vi.advanceTimersByTimeAsync(500);
    refused.push(writer.append(record("c")), writer.append(record("d")));
    const outcome = Promise.allSettled(refused);
    await vi.advanceTimersByTimeAsync(1_001);
    expect((await outcome).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected", "rejected"]);
    const next = writer.append(record("e"));
    appends[0]?.succeed();
    await settle();
    expect(appends.map(keysOf)).toEqual([["a", "b"], ["e"]]);
    appends[1]?.succeed();
    expect(await next).toBe(2);
    const failures = await metrics.appendFailures.get();
    expect(failures.values).toMatchObject([{ value: 4, labels: { code: "log_unavailable" } }]);
    await writer.close();
  });
});

test("whatever the appender does, one append is in flight, order is kept, and each record is settled once", async () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant("append" as const),
      partition: fc.integer({ min: 0, max: 2 }),
      bytes: fc.integer({ min: 1, max: 400 }),
    }),
    fc.record({ do: fc.constantFrom("succeed" as const, "fail" as const, "turn" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const { writer, appends, inFlightMax } = open({
        appendBatchRecordsMax: 4,
        appendBatchBytesMax: 1_000,
        appendQueueRecordsMax: 10,
        appendQueueBytesMax: 3_000,
      });
      const outcomes: Promise<unknown>[] = [];
      const taken: string[] = [];
      let settled = 0;
      let answered = 0;
      for (const each of steps) {
        if (each.do === "append") {
          const key = String(taken.length);
          const outcome = writer.append(record(key, each.partition, each.bytes));
          taken.push(key);
          outcomes.push(
            outcome.then(
              () => settled++,
              (error: unknown) => {
                settled++;
                if (error instanceof WriterOverloaded) taken[Number(key)] = "refused";
              },
            ),
          );
        } else if (each.do === "turn") await turn();
        else if (answered < appends.length) appends[answered++]?.[each.do]();
      }
      const closing = writer.close();
      for (let rounds = 0; rounds < 100 && settled < taken.length; rounds++) {
        await turn();
        if (answered < appends.length) appends[answered++]?.succeed();
      }
      await Promise.all([...outcomes, closing]);
      expect(settled).toBe(taken.length);
      expect(inFlightMax()).toBeLessThanOrEqual(1);
      const sent = appends.flatMap(({ records }) => records.map(({ key }) => key));
      expect(sent).toEqual(taken.filter((key) => key !== "refused"));
      for (const { records } of appends) expect(records.length).toBeLessThanOrEqual(4);
    }),
    { numRuns: 300 },
  );
});
