/** The log of the simulated world, with nothing that goes wrong: time passes while somebody waits for something. */
import { Engine } from "../../src/simulation/engine.ts";
import { SimService } from "../../src/simulation/service.ts";
import { createSimAdmin, createSimInspector, SimBrokers } from "../../src/simulation/sim-admin.ts";
import { createSimAppender } from "../../src/simulation/sim-appender.ts";
import { SimGroup } from "../../src/simulation/sim-group.ts";
import { SimLog } from "../../src/simulation/sim-log.ts";
import { SimProcess } from "../../src/simulation/sim-process.ts";
import { SimSource } from "../../src/simulation/sim-source.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import type { LogWorld } from "./log-world.ts";

/** Milliseconds of the world. */
const untilMs = 60_000;
const quietMs = 5_000;

export function makeSimLogWorld(seed: number, partitionCount: number): LogWorld {
  const engine = new Engine(seed);
  const log = new SimLog(partitionCount);
  const group = new SimGroup(engine, log);
  const brokers = new SimBrokers(engine, log, group);
  const unavailable = (message: string): Error => new LogUnavailable(message);
  const service = new SimService({ engine, name: "log", latencyMs: [0.3, 3], timeoutMs: 10_000, unavailable });
  const client = new SimProcess(engine, "client");
  const sources: SimSource[] = [];

  const until = async (what: string, condition: () => boolean): Promise<void> => {
    if (!(await engine.run(condition, engine.now + untilMs))) throw new Error(`waited in vain: ${what}`);
  };
  const settled = async <T>(work: Promise<T>): Promise<T> => {
    const state = { isSettled: false };
    const settle = (): void => void (state.isSettled = true);
    work.then(settle, settle);
    await Promise.resolve(); // What is refused at once needs no time.
    await until("an answer", () => state.isSettled);
    return work;
  };

  const appender = createSimAppender({ engine, process: client, log, service });
  const inspector = createSimInspector(log, service, client);
  const admin = createSimAdmin(brokers, service, client);
  return {
    appender: { ...appender, append: (records) => settled(appender.append(records)) },
    inspector: { ...inspector, ends: () => settled(inspector.ends()) },
    admin: {
      ...admin,
      partitionCounts: () => settled(admin.partitionCounts()),
      addPartitions: (toCount) => settled(admin.addPartitions(toCount)),
      checkPartitions: (toCount) => settled(admin.checkPartitions(toCount)),
    },
    appendTransaction: (records, end) => {
      const partitions = new Set(records.map(({ partition }) => partition));
      const markerOf = (partition: number) => ({ partition, marker: true }) as const;
      // What was rolled back takes its offsets, as markers do, and is not shown either.
      const kept = end === "commit" ? records : records.map(({ partition }) => markerOf(partition));
      log.append([...kept, ...[...partitions].map(markerOf)]);
      return Promise.resolve();
    },
    newSource: (id) => {
      const process = new SimProcess(engine, `${id}, the ${sources.length + 1}th`);
      const source = new SimSource({ id, engine, process, log, service, group, strayShare: 0 });
      sources.push(source);
      return source;
    },
    until,
    quiet: async () => {
      await engine.run(() => false, engine.now + quietMs);
    },
    [Symbol.asyncDispose]: async () => {
      for (const source of sources) await source.stop();
    },
  };
}
