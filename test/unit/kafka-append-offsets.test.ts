import { describe, expect, test } from "vitest";
import { appendOffsets } from "../../src/log/kafka/append-offsets.ts";

const record = (partition: number) => ({ partition, key: "p", value: Buffer.alloc(0) });
const acknowledged = (partition: number, baseOffset: string, errorCode = 0) => ({
  topicName: "orders",
  partition,
  errorCode,
  baseOffset,
});

describe("appendOffsets", () => {
  test("each record gets its place within its partition's batch", () => {
    const records = [2, 0, 2, 1, 0, 2].map(record);
    const answers = [acknowledged(0, "7"), acknowledged(1, "0"), acknowledged(2, "100")];
    expect(appendOffsets(records, answers)).toEqual([100, 7, 101, 0, 8, 102]);
  });

  test("a partition that was sent twice counts from its first copy", () => {
    const answers = [acknowledged(0, "9"), acknowledged(0, "7")];
    expect(appendOffsets([record(0), record(0)], answers)).toEqual([7, 8]);
  });

  // kafkajs resolves although it has not sent these: see append-offsets.ts.
  test("a partition without an answer is not acknowledged", () => {
    expect(() => appendOffsets([record(0), record(1)], [acknowledged(0, "7")])).toThrow(
      "partition 1 was not acknowledged",
    );
    expect(() => appendOffsets([record(0)], [])).toThrow("partition 0 was not acknowledged");
  });

  test("neither is one that answers with an error, or without an offset", () => {
    expect(() => appendOffsets([record(0)], [acknowledged(0, "7", 6)])).toThrow("error 6");
    expect(() => appendOffsets([record(0)], [acknowledged(0, "-1")])).toThrow("partition 0");
  });
});
