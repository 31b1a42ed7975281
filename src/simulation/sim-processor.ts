/** One processor of the simulated world: the real leases, mailboxes, group commit and effects, in a process that may die. */
import { limits } from "../limits.ts";
import { createGrowthDriver } from "../growth/growth-driver.ts";
import { watchGrowth } from "../growth/growth-watch.ts";
import { PartitionProcessor } from "../processors/partition-processor.ts";
import { reach } from "./service.ts";
import { simCodec } from "./sim-codec.ts";
import { createSimAppender } from "./sim-appender.ts";
import { createSimAdmin, createSimInspector } from "./sim-admin.ts";
import { SimProcess } from "./sim-process.ts";
import { SimSource } from "./sim-source.ts";
import { noLog, noMetrics } from "./silence.ts";
import type { Surroundings } from "./surroundings.ts";

/** Small bounds, so that a few commands already fill groups, pause partitions and fall behind. */
const smallLimits = {
  ...limits,
  groupCommandsMax: 6,
  furtherGroupCommandsMin: 2,
  halvedGroupCommandsMin: 2,
  mailboxRecordsHigh: 10,
  mailboxRecordsLow: 5,
  leaseProductsMax: 3,
  effectsQueueCommandsMax: 12,
  effectsHoldCommands: 5,
  effectsHoldMs: 200,
  effectsReplayLinesMax: 12,
  decisionsPerRecordMax: 3,
  decisionsBatchRecordsMax: 3,
  decisionsReplayLinesMax: 5,
  duplicateWatchGroups: 2,
};

const strayShare = 0.01;

export class SimProcessor {
  readonly process: SimProcess;
  readonly source: SimSource;
  readonly processor: PartitionProcessor;

  constructor(surroundings: Surroundings, name: string, id: string) {
    const { engine, side, log, decisions, brokers, group, services, stores } = surroundings;
    const process = new SimProcess(engine, name);
    this.process = process;
    this.source = new SimSource({ id, engine, process, log, service: services.log, group, strayShare });
    const store = reach(stores.ledger, services.store, process);
    const owns = async (partition: number, epoch: number): Promise<boolean> => {
      const [progress] = await store.readProgress([partition]);
      return progress?.epoch === epoch;
    };
    let partitionCount = stores.maps.current()?.partitionCount ?? log.partitions.length;
    const inspector = createSimInspector(log, services.log, process);
    const maps = reach(stores.maps, services.store, process);
    const orders = reach(stores.orders, services.store, process);
    watchGrowth({
      driver: createGrowthDriver({
        maps,
        log: createSimAdmin(brokers, services.log, process),
        inspector,
        progress: () => orders.progress(),
        clock: process.clock,
        limits,
      }),
      clock: process.clock,
      limits,
      changed: (map) => (partitionCount = Math.max(partitionCount, map.partitionCount)),
    });
    const appender = createSimAppender({ engine: side, process, log: decisions, service: services.decisionsAppends });
    this.processor = new PartitionProcessor({
      store,
      source: this.source,
      inspector,
      codec: simCodec,
      cache: reach(stores.effectsCache(owns), services.cache, process),
      pages: reach(stores.pages, services.pages, process),
      decisions: {
        append: (records) => appender.append(records),
        partitionCount: decisions.partitions.length,
        encode: (record) => Buffer.from(JSON.stringify(record)),
        ledger: reach(stores.ledger, services.decisionsStore, process),
      },
      partitionCount: () => partitionCount,
      owner: id,
      sleep: (ms) => process.sleep(ms),
      log: noLog,
      metrics: noMetrics,
      limits: smallLimits,
    });
    void this.source.start(this.processor);
    this.#saveEffects();
  }

  /** As SIGTERM does: finishes what it has, leaves the group, ends. */
  async drain(): Promise<void> {
    await Promise.race([this.processor.drain(), this.process.sleep(limits.drainMs)]);
    await Promise.race([this.processor.release(), this.process.sleep(limits.handOverWaitMs)]);
    await this.source.stop();
    this.process.kill();
  }

  #saveEffects(): void {
    this.process.after(limits.effectsSaveIntervalMs, "save effects", () => {
      void this.processor.saveProgress();
      this.#saveEffects();
    });
  }
}
