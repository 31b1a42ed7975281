import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import type { AppendRecord } from "../../src/log/log.ts";
import { DeadLetterPublisher } from "../../src/processors/dead-letter-publisher.ts";
import { letterOfRecord } from "../../src/processors/letters.ts";
import type { KeptLetter } from "../../src/stores/dead-letter-store.ts";

const letter = (letterId: number, partition = 0, bytes: Buffer | null = Buffer.from([letterId])): KeptLetter => {
  const headers = {
    trace: [Buffer.from("a"), Buffer.from([0, 255])],
    "\u00e9": Buffer.from("b"),
    ["__proto__"]: Buffer.from("c"),
    none: [null, Buffer.from("d")],
  };
  const record = { offset: letterId, key: null, value: bytes, headers };
  const kept = letterOfRecord(partition, record, "no_key");
  return { ...kept, letterId, storedAt: 0, outcome: null, settledAt: null, redrivenAs: null, settledBecause: null };
};

function publisherOver(letters: readonly KeptLetter[]) {
  const told: AppendRecord[] = [];
  const marked = new Set<number>();
  const state = { appends: 0, logAway: false, storeAway: false };
  const publisher = new DeadLetterPublisher({
    letters: {
      unpublished: (partitions, limit) => {
        const left = letters.filter(
          ({ letterId, partition }) => !marked.has(letterId) && partitions.includes(partition),
        );
        return Promise.resolve(left.slice(0, limit));
      },
      markPublished: (ids) => {
        if (state.storeAway) return Promise.reject(new Error("away"));
        for (const id of ids) marked.add(id);
        return Promise.resolve();
      },
    },
    appender: {
      append: (records) => {
        state.appends += 1;
        if (state.logAway) return Promise.reject(new LogUnavailable("away"));
        told.push(...records);
        return Promise.resolve(records.map((_, index) => index));
      },
    },
    partitionCount: 2,
    owned: () => [0, 3],
    log: pino({ level: "silent" }),
    limits: { ...limits, deadLetterPublishBatchMax: 2 },
  });
  return { publisher, told, marked, state };
}

describe("the dead-letter topic is told from rows (P13)", () => {
  it("tells letters of owned partitions as they were, with where they came from", async () => {
    const { publisher, told, marked } = publisherOver([letter(1), letter(2, 1), letter(3, 3), letter(4, 0, null)]);
    await publisher.round();
    expect(told.map(({ partition, value }) => [partition, value])).toEqual([
      [0, Buffer.from([1])],
      [1, Buffer.from([3])],
      [0, null],
    ]);
    expect(told[0]?.headers).toEqual({
      trace: [Buffer.from("a"), Buffer.from([0, 255])],
      "\u00e9": [Buffer.from("b")],
      ["__proto__"]: [Buffer.from("c")],
      none: [Buffer.alloc(0), Buffer.from("d")],
      "tallyman-kind": "undecodable",
      "tallyman-reason": "no_key",
      "tallyman-partition": "0",
      "tallyman-offset": "1",
      "tallyman-stored-at": "1970-01-01T00:00:00.000Z",
    });
    expect([...marked]).toEqual([1, 3, 4]);
    await publisher.round();
    expect(told).toHaveLength(3);
  });

  it("says how long a value was that is told in part", async () => {
    const { publisher, told } = publisherOver([letter(1, 0, Buffer.alloc(limits.letterValueBytesMax + 1))]);
    await publisher.round();
    expect(told[0]?.value).toHaveLength(limits.letterValueBytesMax);
    expect(told[0]?.headers).toMatchObject({ "tallyman-value-bytes": String(limits.letterValueBytesMax + 1) });
  });

  it("tells again what it could not mark, and never skips", async () => {
    const { publisher, told, marked, state } = publisherOver([letter(1), letter(2), letter(3)]);
    state.logAway = true;
    await publisher.round();
    expect([told.length, marked.size]).toEqual([0, 0]);
    Object.assign(state, { logAway: false, storeAway: true });
    await publisher.round();
    expect([told.length, marked.size]).toEqual([2, 0]);
    state.storeAway = false;
    await publisher.round();
    expect(told.map(({ value }) => value?.[0])).toEqual([1, 2, 1, 2, 3]);
    expect(marked.size).toBe(3);
  });

  it("runs one round at a time", async () => {
    const { publisher, told } = publisherOver([letter(1)]);
    await Promise.all([publisher.round(), publisher.round()]);
    expect(told).toHaveLength(1);
  });
});
