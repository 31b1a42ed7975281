/**
 * Two owners over one log, one ledger and one cache, with every await in the hands of fast-check's scheduler. The partition
 * processor is the real one; only what is around it is simulated, and that passes the contract suites of the real adapters.
 */
import type { Scheduler } from "fast-check";
import { pino } from "pino";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import type { Command } from "../../src/schemas/commands.ts";
import { pendingOrder } from "../../src/schemas/order-document.ts";
import type { Line } from "../../src/schemas/lines.ts";
import { PartitionProcessor } from "../../src/processors/partition-processor.ts";
import { createMemoryCache } from "../../src/stores/memory/effects-cache.ts";
import type { CacheGuardName } from "../../src/stores/memory/effects-cache.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import type { GuardName } from "../../src/stores/memory/ledger-store.ts";
import { CacheUnavailable } from "../../src/stores/effects-cache.ts";
import type { EffectsCache } from "../../src/stores/effects-cache.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import type { LedgerStore } from "../../src/stores/ledger-store.ts";
import { createSimLog, endsOf, simCodec, SimSource } from "./sim-log.ts";
import type { SimRecord } from "./sim-log.ts";

/** Small bounds, so that a few commands already fill groups, pause partitions and fall behind. */
const smallLimits = {
  ...limits,
  groupCommandsMax: 4,
  furtherGroupCommandsMin: 1,
  mailboxRecordsHigh: 6,
  mailboxRecordsLow: 3,
  leaseProductsMax: 2,
  effectsQueueCommandsMax: 6,
  effectsHoldCommands: 4,
  effectsHoldMs: 20,
  effectsReplayLinesMax: 10,
  duplicateWatchGroups: 2,
  parksInARowMax: 100,
};

/** Orders of this customer are what the store refuses until it is mended. */
export const unlucky = "unlucky";

const log = pino({ level: "silent" });
const metrics = createMetrics({ defaults: false });

export type Step =
  | { readonly do: "append"; readonly partition: number; readonly records: readonly SimRecord[] }
  /** `owners[p]` is the instance that gets partition p; an instance that is not told keeps what it believes it has. */
  | { readonly do: "rebalance"; readonly owners: readonly number[]; readonly told: readonly boolean[] }
  | { readonly do: "crash"; readonly instance: number }
  /** Lets everything else run for a while, so that what follows meets what came before. */
  | { readonly do: "rest" }
  | { readonly do: "mend store" }
  | { readonly do: "flush cache" }
  /** What the cache has of one product is lost, and nothing else. */
  | { readonly do: "lose product"; readonly productId: string }
  | { readonly do: "cache away"; readonly away: boolean };

export type WorldOptions = {
  readonly scheduler: Scheduler;
  readonly partitionCount: number;
  /** Drawn one by one, 0 to 99, for faults and fetch sizes; when they are used up, nothing fails any more. */
  readonly plan: readonly number[];
  readonly without?: readonly GuardName[];
  readonly cacheWithout?: readonly CacheGuardName[];
};

type Instance = { alive: boolean; readonly source: SimSource; readonly processor: PartitionProcessor };

const instanceCount = 2;
const restHops = 30;
const never = new Promise<never>(() => undefined);

export function createWorld({ scheduler, partitionCount, plan, without = [], cacheWithout = [] }: WorldOptions) {
  let mended = false;
  const refuses = ({ customerId }: Line): boolean => !mended && customerId === unlucky;
  const ledger = createMemoryLedgerStore({ without, refuses, now: () => 0 });
  const cache = createMemoryCache({ now: () => 0, without: cacheWithout });
  const reader = cache.readCache();
  const simLog = createSimLog(partitionCount);
  let drawn = 0;
  let calm = false;
  const draw = (): number => (calm ? 99 : (plan[drawn++] ?? 99));

  const start = (name: string): Instance => {
    const instance = { alive: true };
    const hop = async (label: string): Promise<void> => {
      await scheduler.schedule(Promise.resolve(), `${name}: ${label}`);
      if (!instance.alive) await never;
    };
    const source = new SimSource({ log: simLog, hop, fetchSize: () => 1 + (draw() % 5) });
    const store = faulty(
      ledger,
      hop,
      () => draw() < 10,
      (label) => new StoreUnavailable(label),
    );
    const owns = async (partition: number, epoch: number): Promise<boolean> => {
      const [progress] = await store.readProgress([partition]);
      return progress?.epoch === epoch;
    };
    const effects: EffectsCache = faulty(
      cache.effectsCache(owns),
      hop,
      () => draw() < 10,
      (label) => new CacheUnavailable(label),
    );
    const processor = new PartitionProcessor({
      store,
      source,
      inspector: { ends: () => hop("ends").then(() => endsOf(simLog)) },
      codec: simCodec,
      cache: effects,
      partitionCount: () => partitionCount,
      owner: name,
      sleep: () => hop("sleep"),
      log,
      metrics,
      limits: smallLimits,
    });
    source.listen(processor);
    return Object.assign(instance, { source, processor });
  };

  const instances = Array.from({ length: instanceCount }, (_, index) => start(`i${index}`));
  const rebalance = (owners: readonly number[], told: readonly boolean[]): void => {
    for (const [index, instance] of instances.entries()) {
      const mine = owners.flatMap((owner, partition) => (owner === index ? [partition] : []));
      if (told[index] ?? true) instance.source.assign(mine);
    }
  };
  const pumpAll = (): void => {
    for (const { source } of instances) source.pump();
  };

  /** As the ingress does, before it appends; an ingress that can't reach the cache goes on without. */
  const markPending = (command: Command, partition: number): void => {
    if (command.type !== "PlaceOrder") return;
    const order = JSON.stringify(pendingOrder(command, partition, null));
    reader.markPending(command.commandId, order).catch(() => undefined);
  };
  const perform = (step: Step, number: number): void => {
    switch (step.do) {
      case "append":
        for (const record of step.records) if (record !== "marker") markPending(record, step.partition);
        simLog.partitions[step.partition]?.push(...step.records);
        pumpAll();
        break;
      case "rebalance":
        rebalance(step.owners, step.told);
        break;
      case "crash": {
        const crashed = instances[step.instance];
        if (crashed !== undefined) crashed.alive = false;
        instances[step.instance] = start(`i${step.instance}.${number}`);
        break;
      }
      case "rest":
        break;
      case "mend store":
        mended = true;
        break;
      case "flush cache":
        cache.flush();
        break;
      case "lose product":
        cache.lose(step.productId);
        break;
      case "cache away":
        cache.setAway(step.away);
        break;
    }
  };

  /** Runs the steps among everything else, then lets everything heal, and resolves when nothing is left to do. */
  const run = async (steps: readonly Step[]): Promise<void> => {
    const script = (async () => {
      for (const [number, step] of steps.entries()) {
        for (let hops = step.do === "rest" ? restHops : 1; hops > 0; hops -= 1) {
          await scheduler.schedule(Promise.resolve(), `step ${number}: ${step.do}`);
        }
        perform(step, number);
      }
      calm = true;
      cache.setAway(false);
      rebalance(
        simLog.partitions.map((_, partition) => partition % instanceCount),
        [true, true],
      );
    })();
    for (let hops = 0; scheduler.count() > 0; hops += 1) {
      if (hops > 20_000) throw new Error("the world does not come to rest");
      await scheduler.waitNext(1);
      // The queues between the hops use promises of their own: let all of them run before the next hop is chosen.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await script;
  };

  return { run, ledger, cache, log: simLog };
}

/** Puts a hop before and after each call, either of which may fail: the request was lost, or the answer was. */
function faulty<Port extends LedgerStore | EffectsCache>(
  port: Port,
  hop: (label: string) => Promise<void>,
  fails: () => boolean,
  error: (label: string) => Error,
): Port {
  return new Proxy(port, {
    get: (target, name, receiver): unknown => {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== "function") return method;
      return async (...args: unknown[]): Promise<unknown> => {
        await hop(String(name));
        if (fails()) throw error(`${String(name)} was not received`);
        const result: unknown = await Reflect.apply(method, target, args);
        await hop(`${String(name)} answers`);
        if (fails()) throw error(`the answer of ${String(name)} was lost`);
        return result;
      };
    },
  });
}
