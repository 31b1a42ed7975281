// Fails when patches/kafkajs+2.2.4.patch is not applied, or when a new kafkajs no longer needs it or loses it.
import { createRequire } from "node:module";
import fc from "fast-check";
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
type Encoder = {
  readonly buffer: Buffer;
  writeInt8(value: number): Encoder;
  writeVarInt(value: number): Encoder;
  writeVarLong(value: number): Encoder;
  writeVarIntString(value: string): Encoder;
  writeVarIntBytes(value: Buffer | string | null): Encoder;
};
type Headers = Record<string, string | Buffer | (string | Buffer)[]>;
type RecordToWrite = {
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers?: Headers;
};
type RecordRead = {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, unknown>;
};
type Decoder = { readonly offset: number };
const Encoder = require("kafkajs/src/protocol/encoder") as new () => Encoder;
const Decoder = require("kafkajs/src/protocol/decoder") as new (bytes: Buffer) => Decoder;
const encodeRecords = require("kafkajs/src/protocol/recordBatch/record/v0") as (
  records: readonly RecordToWrite[],
) => Buffer;
const decodeRecord = require("kafkajs/src/protocol/recordBatch/record/v0/decoder") as (
  decoder: Decoder,
  context: { firstOffset: string; firstTimestamp: string },
) => RecordRead;
const { RecordBatch: encodeBatch } = require("kafkajs/src/protocol/recordBatch/v0") as {
  RecordBatch: (options: { records: Buffer; lastOffsetDelta: number }) => Promise<Encoder>;
};
const decodeMessages = require("kafkajs/src/protocol/requests/fetch/v4/decodeMessages") as (
  decoder: Decoder,
) => Promise<RecordRead[]>;

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

type Header = { readonly key: string; readonly value: Buffer | null };
/** A record as kafkajs itself writes numbers, texts and bytes, one after the other. Its length comes before it. */
const record = ({ offsetDelta, timestampDelta, key, value }: RecordToWrite, headers: readonly Header[]): Buffer => {
  const encoder = new Encoder().writeInt8(0).writeVarLong(timestampDelta).writeVarInt(offsetDelta);
  encoder.writeVarIntBytes(key).writeVarIntBytes(value).writeVarInt(headers.length);
  for (const header of headers) encoder.writeVarIntString(header.key).writeVarIntBytes(header.value);
  return encoder.buffer;
};
const withLength = (bytes: Buffer): Buffer => Buffer.concat([new Encoder().writeVarInt(bytes.length).buffer, bytes]);
const asHeaders = (headers: Headers): Header[] =>
  Object.entries(headers).flatMap(([key, values]) =>
    [values].flat().map((value) => ({ key, value: Buffer.from(value) })),
  );

describe("records", () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
  const text = fc.string({ unit: "binary", maxLength: 200 });
  const delta = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer(), fc.integer({ min: -(2 ** 45), max: 2 ** 45 }));
  const arbitrary = fc.record(
    {
      offsetDelta: fc.oneof(fc.nat({ max: 200 }), fc.nat()),
      timestampDelta: delta,
      key: fc.oneof(fc.constant(null), bytes, text),
      value: fc.oneof(fc.constant(null), bytes),
      headers: fc.dictionary(text, fc.oneof(bytes, text, fc.array(fc.oneof(bytes, text), { maxLength: 3 }))),
    },
    { requiredKeys: ["offsetDelta", "timestampDelta", "key", "value"] },
  );

  test("are the same bytes as when each is encoded by itself", () => {
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 5 }), (records) => {
        const each = records.map((one) => withLength(record(one, asHeaders(one.headers ?? {}))));
        expect(encodeRecords(records)).toEqual(Buffer.concat(each));
      }),
    );
  });

  test("are read as they were written, however large offsets and times are", () => {
    fc.assert(
      fc.property(arbitrary, fc.bigInt(0n, 2n ** 62n), fc.bigInt(0n, 2n ** 62n), (one, offset, timestamp) => {
        const context = { firstOffset: String(offset), firstTimestamp: String(timestamp) };
        const written = record(one, asHeaders(one.headers ?? {}));
        const decoder = new Decoder(written);
        const read = decodeRecord(decoder, context);
        expect(decoder.offset).toBe(written.length);
        expect(read.offset).toBe(String(offset + BigInt(one.offsetDelta)));
        expect(read.timestamp).toBe(String(timestamp + BigInt(one.timestampDelta)));
        expect(read.key).toEqual(one.key === null ? null : Buffer.from(one.key));
        expect(read.value).toEqual(one.value);
      }),
    );
  });

  test("of a batch of 200,000 are all read", async () => {
    const count = 200_000;
    const records = encodeRecords(
      Array.from({ length: count }, (_, n) => ({ offsetDelta: n, timestampDelta: 0, key: null, value: null })),
    );
    const { buffer } = await encodeBatch({ records, lastOffsetDelta: count - 1 });
    const length = Buffer.alloc(4);
    length.writeInt32BE(buffer.length);
    const read = await decodeMessages(new Decoder(Buffer.concat([length, buffer])));
    expect(read).toHaveLength(count); // Unpatched: RangeError, for more are arguments of one call than may be.
    expect(read.at(-1)?.offset).toBe(String(count - 1));
  });
});

describe("the headers of a record that is read", () => {
  const empty = { offsetDelta: 0, timestampDelta: 0, key: null, value: null };
  const read = (headers: readonly Header[]) =>
    decodeRecord(new Decoder(record(empty, headers)), { firstOffset: "0", firstTimestamp: "0" }).headers;
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
