/** How partitions change hands when the group protocol moves them: what is finished, released, awaited and claimed, and when. */
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { PartitionProcessor } from "../../src/processors/partition-processor.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import type { LedgerStore } from "../../src/stores/ledger-store.ts";
import { createMemoryCache } from "../../src/stores/memory/effects-cache.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import type { MemoryLedger } from "../../src/stores/memory/ledger-store.ts";
import { receiveStock, uuidOf } from "../support/commands.ts";
import { simCodec } from "../simulation/sim-log.ts";

const { handOverDrainMs, handOverWaitMs, handOverPollMs } = limits;

/** Calls of one name that wait until the test lets them go on, one by one. */
function createGate() {
  const waiting: (() => void)[] = [];
  let isOpen = true;
  return {
    pass: (): Promise<void> => (isOpen ? Promise.resolve() : new Promise((go) => waiting.push(go))),
    close: () => void (isOpen = false),
    open: () => {
      isOpen = true;
      for (const go of waiting.splice(0)) go();
    },
    next: () => waiting.shift()?.(),
    waiting: () => waiting.length,
  };
}

/** A processor on a ledger that others share; its time passes when the test says so. */
function startProcessor(ledger: MemoryLedger = createMemoryLedgerStore(), owner = "a") {
  const told: string[] = [];
  const sleeps: { readonly ms: number; readonly wake: () => void }[] = [];
  const [commits, claims] = [createGate(), createGate()];
  let isAway = false;
  const reachable = (): void => {
    if (isAway) throw new StoreUnavailable("away");
  };
  const store: LedgerStore = {
    ...ledger,
    commit: async (group) => {
      await commits.pass();
      return ledger.commit(group);
    },
    claim: async (...asked) => {
      const claimed = await ledger.claim(...asked);
      await claims.pass(); // It has happened, and its answer is on its way.
      return claimed;
    },
    release: async (held) => {
      reachable();
      await ledger.release(held);
    },
    countFenced: async (fenced) => {
      reachable();
      await ledger.countFenced(fenced);
    },
  };
  const processor = new PartitionProcessor({
    store,
    source: {
      pause: (partition) => void told.push(`pause ${partition}`),
      resume: (partition) => void told.push(`resume ${partition}`),
      seek: (partition, offset) => void told.push(`seek ${partition} to ${offset}`),
      reportProgress: () => undefined,
    },
    inspector: { ends: () => Promise.resolve(new Map([0, 1].map((partition) => [partition, { low: 0, high: 9 }]))) },
    codec: simCodec,
    cache: createMemoryCache().effectsCache(() => Promise.resolve(true)),
    partitionCount: () => 2,
    owner,
    sleep: (ms) => new Promise((wake) => sleeps.push({ ms, wake })),
    log: pino({ level: "silent" }),
    metrics: createMetrics({ defaults: false }),
    limits,
  });
  /** Ends the sleeps of this length that began first; returns how many there were. */
  const pass = (ms: number, countMax = Infinity): number => {
    const due = sleeps.filter((sleep) => sleep.ms === ms).slice(0, countMax);
    for (const sleep of due) {
      sleeps.splice(sleeps.indexOf(sleep), 1);
      sleep.wake();
    }
    return due.length;
  };
  const epochs = () => processor.leases().map(({ partition, epoch }) => [partition, epoch]);
  return { processor, ledger, told, commits, claims, pass, epochs, setAway: (away: boolean) => void (isAway = away) };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 15));
const range = (partition: number, from: number) => {
  const command = receiveStock({ productId: `p${partition}`, commandId: uuidOf(partition * 100 + from), quantity: 1 });
  const record = { key: Buffer.from(command.productId), value: Buffer.from(JSON.stringify(command)), headers: {} };
  return { partition, from, to: from + 1, records: [{ ...record, offset: from }] };
};
const isReleased = (ledger: MemoryLedger, partition: number): boolean =>
  ledger.hand(partition)?.releasedEpoch === ledger.progressOf(partition).epoch;

async function startOwner() {
  const world = startProcessor();
  world.processor.assigned([0, 1]);
  await settle();
  expect(world.epochs()).toEqual([[0, 1], [1, 1]]); // prettier-ignore
  return world;
}

describe("a partition that is taken away", () => {
  it("is released at once when nothing of it is under way; what stays keeps its lease", async () => {
    const { processor, ledger, epochs, told } = await startOwner();
    told.length = 0;
    processor.assigned([0]);
    await settle();
    expect([isReleased(ledger, 0), isReleased(ledger, 1)]).toEqual([false, true]);
    expect(epochs()).toEqual([[0, 1]]);
    expect(told, "only what stays goes on").toEqual(["seek 0 to 0", "resume 0"]);
  });

  it("is finished before it is released, and takes nothing more in", async () => {
    const { processor, ledger, commits, epochs } = await startOwner();
    commits.close();
    processor.fetched(range(1, 0));
    await settle();
    processor.assigned([0]);
    processor.fetched(range(1, 1));
    await settle();
    expect(isReleased(ledger, 1)).toBe(false);
    commits.open();
    await settle();
    expect(isReleased(ledger, 1)).toBe(true);
    expect(ledger.progressOf(1).nextOffset, "what was taken in, and no more").toBe(1);
    expect(epochs()).toEqual([[0, 1]]);
  });

  it("is finished to the last of it", async () => {
    const { processor, ledger, commits } = await startOwner();
    commits.close();
    processor.fetched(range(1, 0));
    await settle();
    processor.fetched(range(1, 1));
    processor.assigned([0]);
    commits.next();
    await settle();
    expect([ledger.progressOf(1).nextOffset, isReleased(ledger, 1)]).toEqual([1, false]);
    commits.next();
    await settle();
    expect([ledger.progressOf(1).nextOffset, isReleased(ledger, 1)]).toEqual([2, true]);
  });

  it("is released when the bound is over, and what was under way may still be committed", async () => {
    const { processor, ledger, commits, epochs, pass } = await startOwner();
    commits.close();
    processor.fetched(range(1, 0));
    await settle();
    processor.assigned([0]);
    await settle();
    expect(pass(handOverDrainMs)).toBe(1);
    await settle();
    expect([isReleased(ledger, 1), epochs()]).toEqual([true, [[0, 1]]]);
    commits.open();
    await settle();
    expect(ledger.progressOf(1)).toMatchObject({ epoch: 1, nextOffset: 1 });
  });

  it("keeps its lease when it comes back before that; an earlier bound does not cut a later one short", async () => {
    const { processor, ledger, commits, pass, epochs } = await startOwner();
    commits.close();
    processor.fetched(range(1, 0));
    await settle();
    processor.assigned([0]);
    processor.assigned([0, 1]);
    processor.fetched(range(1, 1));
    processor.assigned([0]);
    await settle();
    expect(pass(handOverDrainMs, 1), "the bound of the first time").toBe(1);
    await settle();
    expect(isReleased(ledger, 1)).toBe(false);
    expect(pass(handOverDrainMs)).toBe(1);
    await settle();
    expect(isReleased(ledger, 1)).toBe(true);

    const again = await startOwner();
    again.commits.close();
    again.processor.fetched(range(1, 0));
    await settle();
    again.processor.assigned([0]);
    again.processor.assigned([0, 1]);
    await settle();
    expect(again.pass(handOverDrainMs)).toBe(1);
    again.processor.fetched(range(1, 1));
    again.commits.open();
    await settle();
    expect(again.epochs()).toEqual([[0, 1], [1, 1]]); // prettier-ignore
    expect(isReleased(again.ledger, 1)).toBe(false);
    expect(again.ledger.progressOf(1).nextOffset).toBe(2);
    expect(epochs()).toEqual([[0, 1]]);
  });

  it("that was paused for being full is read again when it comes back", async () => {
    const { processor, commits, told } = await startOwner();
    commits.close();
    const records = Array.from({ length: limits.mailboxRecordsHigh }, (_, offset) => range(1, offset).records).flat();
    processor.fetched({ partition: 1, from: 0, to: records.length, records });
    processor.assigned([0]);
    commits.open();
    processor.assigned([0, 1]);
    expect(told.filter((each) => each.endsWith(" 1")).at(-1)).toBe("pause 1");
    await expect.poll(() => told.filter((each) => each.endsWith(" 1")).at(-1)).toBe("resume 1");
  });

  it("is claimed anew when it comes back after that, and the late release says nothing of the new claim", async () => {
    const { processor, ledger, epochs } = await startOwner();
    processor.assigned([0]);
    processor.assigned([0, 1]);
    await settle();
    expect(epochs()).toEqual([[0, 1], [1, 2]]); // prettier-ignore
    await ledger.release([{ partition: 1, epoch: 1, effectsOffset: 0, decisionsOffset: 0 }]);
    expect(isReleased(ledger, 1)).toBe(false);
  });

  it("by the loss of the log's client is finished and released as well", async () => {
    const { processor, ledger, commits } = await startOwner();
    commits.close();
    processor.fetched(range(1, 0));
    await settle();
    processor.lost(new Error("gone"));
    await settle();
    expect([isReleased(ledger, 0), isReleased(ledger, 1)]).toEqual([true, false]);
    commits.open();
    await settle();
    expect(isReleased(ledger, 1)).toBe(true);
    expect(ledger.progressOf(1).nextOffset).toBe(1);
  });

  it("while PostgreSQL is away is let go without a word", async () => {
    const { processor, ledger, epochs, setAway } = await startOwner();
    setAway(true);
    processor.assigned([0]);
    await settle();
    expect([epochs(), isReleased(ledger, 1)]).toEqual([[[0, 1]], false]);
  });

  it("and is halted is neither released nor claimed", async () => {
    const ledger = createMemoryLedgerStore();
    const [claim] = await ledger.claim([0], "a");
    if (claim === undefined) throw new Error("claimed nothing");
    const nothing = { stock: [], lines: [], changes: [], linesRead: [], deadLetters: [], parked: [], resumed: [] };
    const advance = { partition: 0, epoch: 1, from: 0, to: 99, effectsOffset: 99, last: null };
    await ledger.commit({ ...nothing, advances: [advance] });
    const { processor, pass } = startProcessor(ledger);
    processor.assigned([0]);
    for (let tries = 0; tries < limits.logEndTriesMax; tries += 1) {
      await settle();
      for (const ms of [50, 100, 200, 400, 800]) pass(ms);
    }
    expect(processor.troubles()).toHaveLength(1);
    expect(processor.held()).toEqual([{ partition: 0, epoch: 0 }]);
    processor.assigned([]);
    processor.assigned([0]);
    await settle();
    expect([ledger.progressOf(0).epoch, isReleased(ledger, 0), processor.leases()]).toEqual([2, false, []]);
  });
});

describe("a partition that another instance still holds", () => {
  async function startHeir() {
    const first = await startOwner();
    const second = startProcessor(first.ledger, "b");
    return { first, second, ledger: first.ledger };
  }

  it("is waited for, and claimed as soon as it is released; what is free is taken at once", async () => {
    const { first, second, ledger } = await startHeir();
    first.processor.assigned([0]);
    await settle();
    second.processor.assigned([0, 1]);
    await settle();
    expect(second.epochs()).toEqual([[1, 2]]);
    expect(second.told).toEqual(["seek 1 to 0", "resume 1"]);
    expect(ledger.hand(0)).toMatchObject({ owner: "a", awaitedBy: "b", awaitedEpoch: 1 });
    expect(second.pass(handOverPollMs)).toBe(1);
    await settle();
    expect(second.epochs()).toEqual([[1, 2]]);
    first.processor.assigned([]);
    await settle();
    second.pass(handOverPollMs);
    await settle();
    expect(second.epochs()).toEqual([[1, 2], [0, 2]]); // prettier-ignore
  });

  it("is claimed anyway when the bound is over", async () => {
    const { second } = await startHeir();
    second.processor.assigned([0]);
    for (let look = 1; look <= 9; look += 1) {
      await settle();
      expect([look, second.epochs()]).toEqual([look, []]);
      expect(second.pass(handOverPollMs)).toBe(1);
    }
    expect(second.pass(handOverWaitMs)).toBe(1);
    await settle();
    second.pass(handOverPollMs);
    await settle();
    expect(second.epochs()).toEqual([[0, 2]]);
  });

  it("is not waited for any more, nor claimed, when it goes elsewhere meanwhile", async () => {
    const { first, second, ledger } = await startHeir();
    second.processor.assigned([0, 1]);
    await settle();
    second.processor.assigned([]);
    first.processor.assigned([1]);
    await settle();
    expect(isReleased(ledger, 0)).toBe(true);
    second.pass(handOverWaitMs);
    for (let look = 1; look <= 3; look += 1) {
      await settle();
      second.pass(handOverPollMs);
    }
    await settle();
    expect([ledger.progressOf(0).epoch, ledger.progressOf(1).epoch]).toEqual([1, 1]);
  });

  it("is not waited for by an instance of the same name: that is its own earlier life", async () => {
    const { ledger } = await startOwner();
    const restarted = startProcessor(ledger, "a");
    restarted.processor.assigned([0, 1]);
    await settle();
    expect(restarted.epochs()).toEqual([[0, 2], [1, 2]]); // prettier-ignore
  });
});

describe("a claim that answers too late", () => {
  it("is released where the newer assignment has no part in it, and made again where it has", async () => {
    const { processor, ledger, claims, epochs } = startProcessor();
    claims.close();
    processor.assigned([0, 1]);
    await settle();
    processor.assigned([0]);
    await settle();
    expect(claims.waiting()).toBe(2);
    claims.open();
    await settle();
    expect(epochs()).toEqual([[0, 2]]);
    expect([isReleased(ledger, 0), isReleased(ledger, 1)]).toEqual([false, true]);
  });

  it("is released when the processor stops meanwhile", async () => {
    const { processor, ledger, claims, epochs } = startProcessor();
    claims.close();
    processor.assigned([0]);
    await settle();
    await processor.release();
    claims.open();
    await settle();
    expect([epochs(), isReleased(ledger, 0)]).toEqual([[], true]);
  });
});

describe("a processor that stops", () => {
  it("finishes what it took in, then releases all", async () => {
    const { processor, ledger, commits, epochs } = await startOwner();
    commits.close();
    processor.fetched(range(1, 0));
    await settle();
    const drained = processor.drain();
    commits.open();
    await drained;
    await processor.release();
    expect(epochs()).toEqual([]);
    expect([isReleased(ledger, 0), isReleased(ledger, 1)]).toEqual([true, true]);
    expect(ledger.progressOf(1)).toMatchObject({ nextOffset: 1, effectsOffset: 1 });
  });
});

describe("what the group is told, and what people are", () => {
  it("holds what it is assigned, each at the epoch of its lease; 0 until it is claimed", async () => {
    const { processor, claims } = await startOwner();
    expect(processor.held()).toEqual([{ partition: 0, epoch: 1 }, { partition: 1, epoch: 1 }]); // prettier-ignore
    claims.close();
    processor.assigned([0, 2]);
    expect(processor.held()).toEqual([{ partition: 0, epoch: 1 }, { partition: 2, epoch: 0 }]); // prettier-ignore
    processor.lost(new Error("gone"));
    expect(processor.held()).toEqual([]);
    claims.open();
    await settle();
  });

  it("counts fenced commits beside the partition, later if the store is away", async () => {
    const { processor, ledger, setAway } = await startOwner();
    await ledger.claim([1], "b");
    processor.fetched(range(1, 0));
    await settle();
    setAway(true);
    await processor.saveProgress();
    expect(ledger.hand(1)?.fencedCommits).toBe(0);
    setAway(false);
    await processor.saveProgress();
    await processor.saveProgress();
    expect([ledger.hand(0)?.fencedCommits, ledger.hand(1)?.fencedCommits]).toEqual([0, 1]);
  });
});
