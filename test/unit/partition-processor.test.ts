import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import type { LogEnds } from "../../src/log/log.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { PartitionProcessor } from "../../src/processors/partition-processor.ts";
import { createMemoryCache } from "../../src/stores/memory/effects-cache.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import { placeOrder, receiveStock, uuidOf } from "../support/commands.ts";
import { simCodec } from "../simulation/sim-log.ts";

/** A processor whose source is a notebook: what it was told to do with the partition, in order. */
function startProcessor(ends: () => LogEnds | Promise<LogEnds>) {
  const told: string[] = [];
  const store = createMemoryLedgerStore();
  const processor = new PartitionProcessor({
    store,
    source: {
      pause: (partition) => void told.push(`pause ${partition}`),
      resume: (partition) => void told.push(`resume ${partition}`),
      seek: (partition, offset) => void told.push(`seek ${partition} to ${offset}`),
      reportProgress: () => undefined,
    },
    inspector: { ends: async () => new Map([[0, await ends()]]) },
    codec: simCodec,
    cache: createMemoryCache().effectsCache(() => Promise.resolve(true)),
    partitionCount: () => 1,
    owner: "test",
    sleep: () => new Promise((resolve) => setImmediate(resolve)),
    log: pino({ level: "silent" }),
    metrics: createMetrics({ defaults: false }),
    limits,
  });
  return { processor, store, told };
}

const record = (offset: number, command: ReturnType<typeof placeOrder> | ReturnType<typeof receiveStock>) => ({
  offset,
  key: Buffer.from(command.productId),
  value: Buffer.from(JSON.stringify(command)),
  headers: {},
});
const receive = (offset: number) => record(offset, receiveStock({ quantity: 5 }));
const delivery = receive(0);
const order = record(1, placeOrder({ commandId: uuidOf(9) }));
const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

describe("a partition's log that is not the one that was decided", () => {
  it("is halted when it ends below what was decided", async () => {
    let high = 2;
    const { processor, store, told } = startProcessor(() => ({ low: 0, high }));
    processor.assigned([0]);
    await settle();
    processor.fetched({ partition: 0, from: 0, to: 2, records: [delivery, order] });
    await settle();
    expect(store.progressOf(0).nextOffset).toBe(2);
    high = 1;
    processor.assigned([]);
    processor.assigned([0]);
    await settle();
    expect(processor.troubles()).toEqual(["partition 0: the log ends at offset 1, and all below 2 was decided"]);
    expect(processor.leases()).toEqual([]);
    expect(told).toEqual(["seek 0 to 0", "resume 0"]);
  });

  it("is halted when it begins above what was decided, at the claim or later", async () => {
    let low = 0;
    const { processor, store, told } = startProcessor(() => ({ low, high: 9 }));
    processor.assigned([0]);
    await settle();
    low = 5;
    processor.fetched({ partition: 0, from: 5, to: 6, records: [] });
    await settle();
    expect(processor.troubles()).toEqual(["partition 0: the log begins at offset 5, and 0 is the next to be decided"]);
    expect(store.progressOf(0).nextOffset).toBe(0);
    expect(told).toEqual(["seek 0 to 0", "resume 0", "pause 0"]);
  });

  it("is halted when it loses its end under a lease, and the client begins anew", async () => {
    let high = 2;
    const { processor, store } = startProcessor(() => ({ low: 0, high }));
    processor.assigned([0]);
    await settle();
    processor.fetched({ partition: 0, from: 0, to: 2, records: [delivery, order] });
    await settle();
    high = 1;
    processor.fetched({ partition: 0, from: 0, to: 1, records: [delivery] });
    await settle();
    expect(processor.troubles()).toEqual(["partition 0: the log ends at offset 1, and all below 2 was decided"]);
    expect(store.progressOf(0).nextOffset).toBe(2);
  });

  it("is not halted for ends that were asked for before it grew: meanwhile nothing is taken in", async () => {
    const answers: (() => void)[] = [];
    let high = 9;
    const { processor, store, told } = startProcessor(async () => {
      const asked = { low: 0, high };
      if (high === 2) await new Promise<void>((resolve) => void answers.push(resolve));
      return asked;
    });
    processor.assigned([0]);
    await settle();
    processor.fetched({ partition: 0, from: 0, to: 1, records: [delivery] });
    high = 2;
    processor.fetched({ partition: 0, from: 2, to: 3, records: [] });
    told.length = 0;
    await settle();
    // What was taken in before is committed meanwhile: the partition has room, and must not go on for that.
    expect([store.progressOf(0).nextOffset, told]).toEqual([1, []]);
    high = 9;
    processor.fetched({ partition: 0, from: 1, to: 5, records: [order] });
    await settle();
    expect(answers.length).toBe(1);
    answers.forEach((answer) => answer());
    await settle();
    expect(processor.troubles()).toEqual([]);
    expect(told).toEqual(["seek 0 to 1", "resume 0"]);
    processor.fetched({ partition: 0, from: 1, to: 5, records: [order] });
    await settle();
    expect(store.progressOf(0).nextOffset).toBe(5);
  });

  it("is halted when it shows another record, or none, where the last one was decided", async () => {
    for (const instead of [{ ...order, value: receive(7).value }, undefined]) {
      const { processor, store, told } = startProcessor(() => ({ low: 0, high: 9 }));
      processor.assigned([0]);
      await settle();
      processor.fetched({ partition: 0, from: 0, to: 3, records: [delivery, order] });
      await settle();
      processor.assigned([]);
      told.length = 0;
      processor.assigned([0]);
      await settle();
      expect(told).toEqual(["seek 0 to 1", "resume 0"]);
      const next = record(4, placeOrder({ commandId: uuidOf(10) }));
      processor.fetched({ partition: 0, from: 1, to: 5, records: instead === undefined ? [next] : [instead, next] });
      await settle();
      const what = instead === undefined ? "no record" : "another record";
      expect(processor.troubles()).toEqual([
        `partition 0: the log has ${what} at offset 1, and the one that was there has been decided`,
      ]);
      expect(store.progressOf(0).nextOffset).toBe(3);
      expect(processor.leases()).toEqual([]);
    }
  });

  it("is known again by its last record, and goes on behind what was decided", async () => {
    const { processor, store, told } = startProcessor(() => ({ low: 0, high: 9 }));
    processor.assigned([0]);
    await settle();
    processor.fetched({ partition: 0, from: 0, to: 3, records: [delivery, order] });
    await settle();
    const checksum = store.progressOf(0).last?.checksum;
    expect(store.progressOf(0).last).toEqual({ offset: 1, checksum });
    for (const end of [2, 3, 5]) {
      processor.assigned([]);
      processor.assigned([0]);
      await settle();
      told.length = 0;
      const next = end === 5 ? [record(4, placeOrder({ commandId: uuidOf(10) }))] : [];
      processor.fetched({ partition: 0, from: 1, to: end, records: [order, ...next] });
      await settle();
      expect(told).toEqual(end === 2 ? ["seek 0 to 3"] : []);
      expect(processor.troubles()).toEqual([]);
      expect(store.progressOf(0).nextOffset).toBe(end === 5 ? 5 : 3);
    }
    expect(store.progressOf(0).last?.offset).toBe(4);
  });

  it("is read from where an operator set it back to, though its last record lies above", async () => {
    const { processor, store, told } = startProcessor(() => ({ low: 0, high: 9 }));
    processor.assigned([0]);
    await settle();
    processor.fetched({ partition: 0, from: 0, to: 2, records: [delivery, order] });
    await settle();
    processor.assigned([]);
    told.length = 0;
    const claim = store.claim.bind(store);
    store.claim = async (...asked) => (await claim(...asked)).map((each) => ({ ...each, nextOffset: 0 }));
    processor.assigned([0]);
    await settle();
    expect(told).toEqual(["seek 0 to 0", "resume 0"]);
  });

  it("is taken up without its last record where that was deleted, as decided records may be", async () => {
    let low = 0;
    const { processor, store, told } = startProcessor(() => ({ low, high: 9 }));
    processor.assigned([0]);
    await settle();
    processor.fetched({ partition: 0, from: 0, to: 2, records: [delivery, order] });
    await settle();
    low = 2;
    processor.assigned([]);
    told.length = 0;
    processor.assigned([0]);
    await settle();
    expect(told).toEqual(["seek 0 to 2", "resume 0"]);
    processor.fetched({ partition: 0, from: 2, to: 3, records: [record(2, placeOrder({ commandId: uuidOf(10) }))] });
    await settle();
    expect(store.progressOf(0).nextOffset).toBe(3);
  });

  it("is not claimed by an instance that can't reach the log, and claimed once when it can", async () => {
    let isAway = true;
    const { processor, store } = startProcessor(() => {
      if (isAway) throw new LogUnavailable("away");
      return { low: 0, high: 0 };
    });
    processor.assigned([0]);
    await settle();
    expect(store.progressOf(0).epoch).toBe(0);
    isAway = false;
    await settle();
    expect(store.progressOf(0).epoch).toBe(1);
  });

  it("is fetched again where what came does not continue the lease, and the log has it", async () => {
    const { processor, store, told } = startProcessor(() => ({ low: 0, high: 2 }));
    processor.assigned([0]);
    await settle();
    processor.fetched({ partition: 0, from: 1, to: 2, records: [order] });
    await settle();
    expect(store.progressOf(0).nextOffset).toBe(0);
    expect(told).toEqual(["seek 0 to 0", "resume 0", "pause 0", "seek 0 to 0", "resume 0"]);
    processor.fetched({ partition: 0, from: 0, to: 2, records: [delivery, order] });
    await settle();
    expect(store.progressOf(0).nextOffset).toBe(2);
    expect(store.stock.get("p1")).toEqual({ quantity: 4, version: 2 });
  });
});
