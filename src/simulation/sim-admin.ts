/**
 * Who adds partitions to the simulated log, and what its brokers say of how many there are: each learns of new ones at a time of
 * its own, and consumers find them when they look again.
 */
import type { LogAdmin } from "../log/log-admin.ts";
import type { Engine } from "./engine.ts";
import type { SimService } from "./service.ts";
import type { SimGroup } from "./sim-group.ts";
import type { SimLog } from "./sim-log.ts";
import type { SimProcess } from "./sim-process.ts";

const brokerCount = 2;
const learnMs = [0, 900] as const;
const noticeMs = [50, 2_000] as const;

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

  addPartitions(toCount: number): void {
    const engine = this.#engine;
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
      service.call(process, "grow", () => {
        brokers.addPartitions(toCount);
        return Promise.resolve();
      }),
    checkPartitions: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
