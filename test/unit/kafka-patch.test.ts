// Fails when patches/kafkajs+2.2.4.patch is not applied, or when a new kafkajs no longer needs it or loses it.
import { createRequire } from "node:module";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const require = createRequire(import.meta.url);

type RequestQueue = {
  pending: unknown[];
  throttledUntil: number;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
  destroy(): void;
};
type Message = { readonly partition: number; readonly n: number };

// kafkajs has no types for its inner modules.
const RequestQueue = require("kafkajs/src/network/requestQueue") as new (options: object) => RequestQueue;
const groupMessages = require("kafkajs/src/producer/groupMessagesPerPartition") as (options: {
  topic: string;
  partitionMetadata: object[];
  messages: Message[];
  partitioner: (options: { message: Message }) => number;
}) => Record<string, Message[]>;
const decodeRecord = require("kafkajs/src/protocol/recordBatch/record/v0/decoder") as (
  decoder: object,
  context: object,
) => { headers: Record<string, unknown> };

describe("the request queue (kafkajs hazard 14)", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const queue = (): RequestQueue =>
    new RequestQueue({
      requestTimeout: 1_000,
      maxInFlightRequests: 1,
      enforceRequestTimeout: false,
      clientId: "test",
      broker: "broker:9092",
      logger: { debug: () => undefined, warn: () => undefined },
    });

  test("an idle connection sets no timer, least of all one with a negative time-out", () => {
    const timeouts = vi.spyOn(globalThis, "setTimeout");
    queue().checkPendingRequests();
    expect(timeouts).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a request that waits is looked after", () => {
    const timeouts = vi.spyOn(globalThis, "setTimeout");
    const waiting = queue();
    waiting.throttledUntil = Date.now() + 500;
    waiting.pending.push({});
    waiting.scheduleCheckPendingRequests();
    expect(timeouts).toHaveBeenCalledExactlyOnceWith(expect.any(Function), 500);
    waiting.destroy();
  });
});

describe("grouping a batch by partition", () => {
  test("keeps the order, and a large batch of one partition takes no quadratic time", () => {
    const messages = Array.from({ length: 30_000 }, (_, n) => ({ partition: n % 10 === 0 ? 1 : 0, n }));
    const begin = performance.now();
    const grouped = groupMessages({
      topic: "t",
      partitionMetadata: [{}],
      messages,
      partitioner: ({ message }) => message.partition,
    });
    expect(performance.now() - begin).toBeLessThan(1_000); // Unpatched: several seconds.
    expect(grouped["0"]).toEqual(messages.filter(({ partition }) => partition === 0));
    expect(grouped["1"]).toEqual(messages.filter(({ partition }) => partition === 1));
  });
});

describe("the headers of a record that is read", () => {
  type Header = { readonly key: string; readonly value: Buffer | null };
  const none = () => null;
  /** The decoder of the fields before the headers, which are of no interest here. */
  const read = (headers: readonly Header[]) =>
    decodeRecord(
      {
        ...{ readInt8: () => 0, readVarInt: () => 0, readVarLong: () => "0", readVarIntBytes: none },
        readVarIntArray: () => headers,
      },
      { firstOffset: "0", firstTimestamp: "0" },
    ).headers;
  const header = (key: string, value: string | null): Header => ({
    key,
    value: value === null ? null : Buffer.from(value),
  });

  test("have what was sent and nothing that every object inherits", () => {
    const headers = read([
      header("constructor", "1"),
      header("__proto__", "2"),
      header("__proto__", "3"),
      header("twice", null),
      header("twice", "4"),
      header("twice", "5"),
    ]);
    expect(Object.entries(headers)).toEqual([
      ["constructor", Buffer.from("1")],
      ["__proto__", [Buffer.from("2"), Buffer.from("3")]],
      ["twice", [null, Buffer.from("4"), Buffer.from("5")]],
    ]);
  });

  test("20,000 of them are not copied once for each of them", () => {
    const begin = performance.now();
    const headers = read(Array.from({ length: 20_000 }, (_, n) => header(`h${n}`, "")));
    expect(performance.now() - begin).toBeLessThan(2_000); // Unpatched: 100 s.
    expect(Object.keys(headers)).toHaveLength(20_000);
  });
});

describe("a consumer that notices new partitions (kafkajs hazard 5)", () => {
  type ConsumerGroup = { joinAndSync(): Promise<void> };
  const ConsumerGroup = require("kafkajs/src/consumer/consumerGroup") as new (options: object) => ConsumerGroup;

  test("joins once, however many brokers' fetchers notice at the same time, and again when asked later", async () => {
    const joins: object[] = [];
    const logger = { info: () => undefined, debug: () => undefined, namespace: () => logger };
    const coordinator = {
      joinGroup: (request: object) => {
        joins.push(request);
        return Promise.resolve({
          generationId: 1,
          leaderId: "other",
          memberId: "me",
          members: [],
          groupProtocol: "any",
        });
      },
      syncGroup: () => Promise.resolve({ memberAssignment: Buffer.alloc(0) }),
    };
    const group = new ConsumerGroup({
      cluster: { findGroupCoordinator: () => Promise.resolve(coordinator), findTopicPartitionMetadata: () => [] },
      instrumentationEmitter: { emit: () => undefined },
      topics: ["orders"],
      topicConfigurations: {},
      assigners: [],
      logger,
    });
    await Promise.all([group.joinAndSync(), group.joinAndSync(), group.joinAndSync()]);
    expect(joins).toHaveLength(1);
    await group.joinAndSync();
    expect(joins).toHaveLength(2);
  });
});
