/**
 * Who adds partitions to the simulated log, and what its brokers say of how many there are: each learns of new ones at a time of
 * its own, and consumers find them when they look again. And who asks where the log ends.
 */
import { LogRefused } from "../log/log-admin.ts";
import type { LogAdmin } from "../log/log-admin.ts";
import type { LogInspector } from "../log/log.ts";
import type { Engine } from "./engine.ts";
import type { SimService } from "./service.ts";
import type { SimGroup } from "./sim-group.ts";
import type { SimLog } from "./sim-log.ts";
import type { SimProcess } from "./sim-process.ts";

const brokerCount = 2;
const learnMs = [0, 900] as const;
const noticeMs = [50, 2_000] as const;
/** That many at once are too many for Kafka's controller. */
const addedAtOnceMax = 10_000;

export class SimBrokers {
  readonly #engine: Engine;
  readonly #log: SimLog;
  readonly #group: SimGroup;
  readonly #counts: number[];

  constructor(engine: Engine, log: SimLog, group: SimGroup) {
    this.#engine = engine;
    this.#log = log;
    this.#group = group;
    this.#counts = Array.from({ length: brokerCount }, () => log.partitions.length);
  }

  /** What each says. */
  counts(): number[] {
    return [...this.#counts];
  }

  /** Throws `LogRefused`. */
  checkPartitions(toCount: number): void {
    if (toCount - this.#log.partitions.length > addedAtOnceMax) throw new LogRefused(`no ${toCount} partitions`);
  }

  /** Throws `LogRefused`. */
  addPartitions(toCount: number): void {
    const engine = this.#engine;
    this.checkPartitions(toCount);
    if (toCount <= this.#log.partitions.length) return;
    engine.say(`the log grows to ${toCount} partitions`);
    this.#log.grow(toCount);
    for (const broker of this.#counts.keys()) {
      engine.after(engine.between(...learnMs), `broker ${broker} learns`, () => {
        this.#counts[broker] = Math.max(this.#counts[broker] ?? 0, toCount); // Of two growths, in their order.
      });
    }
    engine.after(engine.between(...noticeMs), "consumers notice", () => this.#group.rebalance());
  }
}

/** The brokers as `process` reaches them. */
export function createSimAdmin(brokers: SimBrokers, service: SimService, process: SimProcess): LogAdmin {
  return {
    partitionCounts: () => service.call(process, "counts", () => Promise.resolve(brokers.counts())),
    addPartitions: (toCount) =>
      service.call(process, "grow", () => Promise.resolve().then(() => brokers.addPartitions(toCount))),
    checkPartitions: (toCount) =>
      service.call(process, "may grow", () => Promise.resolve().then(() => brokers.checkPartitions(toCount))),
    close: () => Promise.resolve(),
  };
}

/** Where the log ends, as `process` learns it. */
export function createSimInspector(log: SimLog, service: SimService, process: SimProcess): LogInspector {
  return {
    ends: () => service.call(process, "ends", () => Promise.resolve(log.ends())),
    close: () => Promise.resolve(),
  };
}
