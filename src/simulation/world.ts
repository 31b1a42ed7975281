/**
 * A whole Tallyman in one process, in virtual time and from one seed: apis and processors as they are, and around them a log, a
 * group, a ledger and a cache in memory, behind a network that loses, delays and repeats.
 *
 * Who owns what: the world owns the processes and the services; whoever drives it (a test, a user's client) asks it over HTTP,
 * sets faults, and lets time pass. What it keeps for judges (`journal`, `published`) changes nothing in it.
 */
import type { GroupWrite } from "../stores/ledger-store.ts";
import { CacheUnavailable } from "../stores/effects-cache.ts";
import type { EffectsCache } from "../stores/effects-cache.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import { LogUnavailable } from "../log/log.ts";
import { callOff } from "../growth/grow.ts";
import { limits } from "../limits.ts";
import type { Line } from "../schemas/lines.ts";
import type { DecisionNotice } from "../schemas/decision-feed.ts";
import { createMemoryCache } from "../stores/memory/effects-cache.ts";
import type { MemoryCache } from "../stores/memory/effects-cache.ts";
import { createMemoryPageCache } from "../stores/memory/page-cache.ts";
import type { MemoryPageCache } from "../stores/memory/page-cache.ts";
import { createMemoryLedgerStore } from "../stores/memory/ledger-store.ts";
import type { MemoryLedger } from "../stores/memory/ledger-store.ts";
import { createMemoryPartitionMapStore } from "../stores/memory/partition-map-store.ts";
import type { MemoryPartitionMaps } from "../stores/memory/partition-map-store.ts";
import { createMemoryCatalogue } from "../stores/memory/catalogue-store.ts";
import { createMemoryDriverStore } from "../stores/memory/driver-store.ts";
import { createMemoryFulfilmentStore } from "../stores/memory/fulfilment-store.ts";
import { createMemoryTrackingStore } from "../stores/memory/tracking-store.ts";
import { createMemoryLetterReads, createMemoryOrderReads } from "../stores/memory/reads.ts";
import { Engine } from "./engine.ts";
import type { Trace } from "./engine.ts";
import { describeFault } from "./faults.ts";
import type { Fault, ProcessKind, ServiceName } from "./faults.ts";
import { SimBrokers } from "./sim-admin.ts";
import { SimService } from "./service.ts";
import { SimApi } from "./sim-api.ts";
import { SimGroup } from "./sim-group.ts";
import type { SimRequest, SimResponse } from "./sim-http.ts";
import { SimLog } from "./sim-log.ts";
import type { SimProcess } from "./sim-process.ts";
import { worldBeginsAt } from "./sim-process.ts";
import { SideEngine } from "./side-engine.ts";
import { SimProcessor } from "./sim-processor.ts";
import type { Services, Surroundings } from "./surroundings.ts";
import type { Wavering } from "./wavering.ts";

export type WorldOptions = {
  readonly seed: number;
  readonly partitions: number;
  readonly apis: number;
  readonly processors: number;
  readonly trace?: Trace;
  /** What the store refuses to write, for a reason that nobody foresaw, until it is mended (P7). */
  readonly refuses?: (line: Line) => boolean;
};

/** A group as it was committed, at a time of the world in milliseconds. */
export type Committed = { readonly atMs: number; readonly group: GroupWrite };

/** A client's connection broke, or it was silent for too long: whether the request was executed is not known. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

type Call = { readonly api: SimApi; readonly fail: (why: string) => void };

const clientLatencyMs = [0.2, 3] as const;
const clientTimeoutMs = 40_000;
/** Beyond this nothing grows: a world is about interleavings, not about size. */
const partitionsMax = 12;

export class World {
  readonly engine: Engine;
  readonly log: SimLog;
  /** The decisions topic. */
  readonly decisions: SimLog;
  readonly ledger: MemoryLedger;
  readonly cache: MemoryCache;
  readonly pages: MemoryPageCache;
  readonly maps: MemoryPartitionMaps;
  readonly group: SimGroup;
  /** What was committed, in the order of the commits. */
  readonly journal: Committed[] = [];
  /** What owners told the apis, in the order in which they did. */
  readonly published: DecisionNotice[] = [];
  /** Growths of partitions that came to their end, in their order: from how many, and where each of those was cut. */
  readonly growths: { readonly fromCount: number; readonly cuts: readonly number[] }[] = [];
  readonly faults = new Map<(Fault | Wavering)["do"], number>();
  /** Errors that no fault explains. */
  readonly errors: Error[] = [];
  readonly #surroundings: Surroundings;
  readonly #apis: SimApi[];
  readonly #processors: SimProcessor[];
  readonly #calls = new Set<Call>();
  /** Of requests between clients and apis, and of their answers. */
  clientLossRate = 0;
  #born = 0;
  #mended = false;
  #healed = false;

  constructor({ seed, partitions, apis, processors, trace, refuses }: WorldOptions) {
    const engine = new Engine(seed, trace);
    this.engine = engine;
    this.log = new SimLog(partitions);
    this.decisions = new SimLog(partitions);
    const side = new SideEngine(engine, seed);
    const now = (): number => Math.floor(worldBeginsAt + engine.now);
    this.ledger = createMemoryLedgerStore({
      now,
      refuses: (line) => !this.#mended && refuses?.(line) === true,
      committed: (group) => void this.journal.push({ atMs: engine.now, group }),
    });
    this.cache = createMemoryCache({ now });
    this.pages = createMemoryPageCache({ now });
    this.maps = createMemoryPartitionMapStore(now, ({ partitionCount, growth }, after) => {
      const grew = growth?.phase === "draining" && after.partitionCount > partitionCount;
      if (grew) this.growths.push({ fromCount: partitionCount, cuts: growth.cuts });
    });
    void this.maps.create(partitions);
    this.group = new SimGroup(engine, this.log);
    const fulfilments = createMemoryFulfilmentStore(this.ledger.lines, now);
    const drivers = createMemoryDriverStore({
      statusOf: (orderId) => this.ledger.lines.get(orderId)?.status,
      deliveredAt: (orderId) => fulfilments.deliveredAt(orderId),
      now,
    });
    this.#surroundings = {
      engine,
      log: this.log,
      decisions: this.decisions,
      side,
      brokers: new SimBrokers(engine, this.log, this.group),
      group: this.group,
      services: createServices(engine, side),
      stores: {
        ledger: this.ledger,
        orders: createMemoryOrderReads(this.ledger, () => this.log.partitions.length),
        fulfilments,
        drivers,
        tracking: createMemoryTrackingStore(fulfilments, drivers),
        letters: createMemoryLetterReads(this.ledger),
        catalogue: createMemoryCatalogue((productId) => this.ledger.stock.get(productId)),
        maps: this.maps,
        readCache: this.cache.readCache(),
        pages: this.pages,
        effectsCache: (proof) => this.#watched(this.cache.effectsCache(proof)),
        subscribe: (listener) => this.cache.subscribe(listener),
      },
    };
    this.#apis = Array.from({ length: apis }, (_, number) => this.#startApi(number));
    this.#processors = Array.from({ length: processors }, (_, number) => this.#startProcessor(number));
  }

  get services(): Services {
    return this.#surroundings.services;
  }

  get processors(): readonly SimProcessor[] {
    return this.#processors;
  }

  /** Asks an api, as a client over the network would. Rejects with `ConnectionLost`. */
  http(request: SimRequest, apiNumber?: number): Promise<SimResponse> {
    const { engine } = this;
    const { promise, resolve, reject } = Promise.withResolvers<SimResponse>();
    const api = apiNumber === undefined ? engine.pick(this.#apis) : at(this.#apis, apiNumber);
    const label = `${request.method} ${request.path}`;
    const fail = (why: string): void => {
      this.#calls.delete(call);
      engine.after(engine.between(...clientLatencyMs), why, () => reject(new ConnectionLost(`${label}: ${why}`)));
    };
    const call: Call = { api, fail };
    this.#calls.add(call);
    const cancel = engine.after(clientTimeoutMs, "client gives up", () => fail("no answer"));
    promise.then(cancel, cancel);
    const answered = (response: SimResponse): void => {
      if (!api.process.isAlive()) return;
      const said = `${label} ${JSON.stringify(request.body ?? "")} -> ${response.status} ${response.body}`;
      engine.say(`${api.process.name}: ${said}`);
      if (engine.chance(this.clientLossRate)) fail("connection reset before the answer");
      else {
        this.#calls.delete(call);
        engine.after(engine.between(...clientLatencyMs), `answer to ${label}`, () => resolve(response));
      }
    };
    const broke = (error: unknown): void => {
      this.errors.push(error instanceof Error ? error : new Error(String(error)));
      fail("the api broke");
    };
    engine.after(engine.between(...clientLatencyMs), label, () => {
      if (!api.process.isAlive()) fail("connection refused");
      else if (engine.chance(this.clientLossRate)) fail("connection reset");
      else api.process.after(0, label, () => void api.handle(request).then(answered, broke));
    });
    return promise;
  }

  /** How much of all requests and answers gets lost from now on, until a fault or the healing says otherwise. */
  setLosses(losses: Readonly<Record<ServiceName, number>>): void {
    for (const name of ["store", "cache", "log"] as const) {
      for (const service of this.#both(name)) {
        service.usualLossRate = losses[name];
        service.lossRate = losses[name];
      }
    }
  }

  perform(fault: Fault | Wavering): void {
    if (this.#healed) return;
    const { engine } = this;
    engine.say(`fault: ${describeFault(fault)}`);
    this.faults.set(fault.do, (this.faults.get(fault.do) ?? 0) + 1);
    const later = (ms: number, work: () => void): void => void engine.after(ms, `end of ${fault.do}`, work);
    switch (fault.do) {
      case "kill":
        this.#kill(fault.kind, fault.number, fault.backMs);
        break;
      case "stop": {
        const process = this.#process(fault.kind, fault.number);
        process.stop();
        const since = process.stoppedAt;
        this.group.silent(process, () => process.stoppedAt === since);
        later(fault.forMs, () => process.wake(fault.suspended));
        break;
      }
      case "restart":
        this.#restart(fault.number);
        break;
      case "join":
        this.#processors.push(this.#startProcessor(this.#processors.length));
        break;
      case "rebalance":
        this.group.rebalance(true);
        break;
      case "away":
        for (const service of this.#both(fault.service)) service.set(fault.how);
        later(fault.forMs, () => {
          for (const service of this.#both(fault.service)) service.set("up");
        });
        break;
      case "lossy":
        for (const service of this.#both(fault.service)) service.lossRate = fault.rate;
        later(fault.forMs, () => {
          for (const service of this.#both(fault.service)) service.lossRate = service.usualLossRate;
        });
        break;
      case "slow":
        for (const service of this.#both(fault.service)) service.slowness = fault.factor;
        later(fault.forMs, () => {
          for (const service of this.#both(fault.service)) service.slowness = 1;
        });
        break;
      case "cut off": {
        const process = this.#process(fault.kind, fault.number);
        for (const service of this.#both(fault.service)) service.cutOff(process, true);
        if (fault.service === "log") this.group.silent(process, () => this.services.log.isCutOff(process));
        later(fault.forMs, () => {
          for (const service of this.#both(fault.service)) service.cutOff(process, false);
        });
        break;
      }
      case "grow": {
        const map = this.maps.current();
        const toCount = (map?.partitionCount ?? 0) * fault.times;
        if (map?.growth !== null || toCount > partitionsMax) break;
        const growth = { toCount, hurried: fault.hurried, phase: "preparing" } as const;
        void this.maps.change(map.version, { partitionCount: map.partitionCount, growth });
        break;
      }
      case "call off":
        void callOff(this.maps);
        break;
      case "add partitions": {
        const toCount = (this.maps.current()?.partitionCount ?? 0) * fault.times;
        if (toCount <= partitionsMax) this.#surroundings.brokers.addPartitions(toCount);
        break;
      }
      case "flush cache":
        this.cache.flush();
        this.pages.flush();
        break;
      case "expire": {
        const known = [...this.ledger.stock.keys()];
        if (known.length > 0) this.cache.expireQuantity(at(known, fault.number));
        break;
      }
      case "wall clock":
        this.#process(fault.kind, fault.number).moveWallClock(fault.ms);
        break;
    }
  }

  /** What the store refused it takes from now on. */
  mendStore(): void {
    this.engine.say("the store is mended");
    this.#mended = true;
  }

  /** Everything is well from now on, and no further fault happens. */
  heal(): void {
    this.engine.say("everything heals");
    this.#healed = true;
    this.clientLossRate = 0;
    for (const service of Object.values(this.services)) {
      service.set("up");
      service.lossRate = 0;
      service.usualLossRate = 0;
      service.slowness = 1;
      for (const { process } of [...this.#apis, ...this.#processors]) service.cutOff(process, false);
    }
    for (const { process } of [...this.#apis, ...this.#processors]) process.wake(false);
    for (const [number, { process }] of this.#apis.entries()) {
      if (!process.isAlive()) this.#apis[number] = this.#startApi(number);
    }
    for (const [number, { process }] of this.#processors.entries()) {
      if (!process.isAlive()) this.#processors[number] = this.#startProcessor(number);
    }
  }

  /** Lets time pass until `done`, for `ms` at most; tells whether it is. */
  until(done: () => boolean, ms: number): Promise<boolean> {
    return this.engine.run(done, this.engine.now + ms);
  }

  /** All that is in the log is decided. */
  isDecided(): boolean {
    return this.log.partitions.every(
      (entries, partition) => this.ledger.progressOf(partition).nextOffset === entries.length,
    );
  }

  /** The store says of all that is decided that it was told. It may not know: an owner whose epoch was raised finds out late. */
  isTold(): boolean {
    return this.log.partitions.every((_, partition) => {
      const { nextOffset, effectsOffset, decisionsOffset } = this.ledger.progressOf(partition);
      return effectsOffset === nextOffset && decisionsOffset === nextOffset;
    });
  }

  #startApi(number: number): SimApi {
    return new SimApi(this.#surroundings, `api ${number}.${this.#born++}`);
  }

  #startProcessor(number: number): SimProcessor {
    return new SimProcessor(this.#surroundings, `processor ${number}.${this.#born++}`, `processor-${number}`);
  }

  #process(kind: ProcessKind, number: number): SimProcess {
    return at<{ readonly process: SimProcess }>(kind === "api" ? this.#apis : this.#processors, number).process;
  }

  #kill(kind: ProcessKind, number: number, backMs: number): void {
    const process = this.#process(kind, number);
    if (!process.isAlive()) return;
    process.kill();
    this.group.silent(process, () => true);
    for (const call of [...this.#calls]) if (call.api.process === process) call.fail("connection reset");
    this.engine.after(backMs, `${process.name} is replaced`, () => {
      if (this.#healed) return;
      if (kind === "api") {
        const index = this.#apis.findIndex((each) => each.process === process);
        if (index >= 0) this.#apis[index] = this.#startApi(index);
      } else this.#replace(process);
    });
  }

  #restart(number: number): void {
    const processor = at(this.#processors, number);
    if (!processor.process.isAlive()) return;
    void processor.drain().then(() => this.#replace(processor.process));
  }

  #replace(process: SimProcess): void {
    const index = this.#processors.findIndex((each) => each.process === process);
    if (index >= 0 && !process.isAlive()) this.#processors[index] = this.#startProcessor(index);
  }

  #both(name: ServiceName): readonly SimService[] {
    const { log, logAppends, decisionsAppends, store, storeReads, decisionsStore, cache, cacheReads, pages } =
      this.services;
    const both = {
      log: [log, logAppends, decisionsAppends],
      store: [store, storeReads, decisionsStore],
      cache: [cache, cacheReads, pages],
    };
    return both[name];
  }

  #watched(cache: EffectsCache): EffectsCache {
    return {
      apply: (effects) => cache.apply(effects),
      publish: async (message) => {
        await cache.publish(message);
        this.published.push(...message.decisions);
      },
    };
  }
}

function createServices(engine: Engine, side: SideEngine): Services {
  const service = (
    name: string,
    latencyMs: readonly [number, number],
    timeoutMs: number,
    unavailable: (message: string) => Error,
    drawn = engine,
  ): SimService => new SimService({ engine: drawn, name, latencyMs, timeoutMs, unavailable });
  const store = (message: string): Error => new StoreUnavailable(message);
  const cache = (message: string): Error => new CacheUnavailable(message);
  const log = (message: string): Error => new LogUnavailable(message);
  return {
    log: service("log", [0.3, 3], 10_000, log),
    logAppends: service("log", [0.5, 4], 10_000, log),
    store: service("store", [0.3, 3], limits.commitTimeoutMs, store),
    storeReads: service("store", [0.2, 2], limits.readDeadlineMs, store),
    cache: service("cache", [0.1, 1], limits.effectsDeadlineMs, cache),
    cacheReads: service("cache", [0.1, 1], limits.cacheDeadlineMs, cache),
    pages: service("cache", [0.1, 1], limits.cacheDeadlineMs, cache, side),
    decisionsAppends: service("log", [0.5, 4], limits.appendDeadlineMs, log, side),
    decisionsStore: service("store", [0.3, 3], limits.commitTimeoutMs, store, side),
  };
}

/** Round the list: any whole number means one of it. */
function at<T>(list: readonly T[], number: number): T {
  const item = list[number % list.length];
  if (item === undefined) throw new Error("the list is empty");
  return item;
}
