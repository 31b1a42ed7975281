/** One api of the simulated world: the real ingress, in a process that may die, over services that may be away. */
import { v7 } from "uuid";
import { createServices } from "../api/services.ts";
import { createHealth, dependencyNames } from "../ops/health.ts";
import type { DecisionListener } from "../stores/decision-feed.ts";
import { createMemoryDriverPositions } from "../stores/memory/driver-positions.ts";
import { createMemoryLowStockStore } from "../stores/memory/low-stock-store.ts";
import { createMemoryWebhookStore } from "../stores/memory/webhook-store.ts";
import { reach } from "./service.ts";
import { createSimAdmin, createSimInspector } from "./sim-admin.ts";
import { createSimAppender } from "./sim-appender.ts";
import { simCodec } from "./sim-codec.ts";
import { createSimHttp } from "./sim-http.ts";
import type { SimRequest, SimResponse } from "./sim-http.ts";
import { SimProcess } from "./sim-process.ts";
import { noLog, noMetrics } from "./silence.ts";
import type { Surroundings } from "./surroundings.ts";

const healthLookMs = 2_000;
/** Room for few, so that worlds are made quickly. */
const catalogueCacheEntriesMax = 100;

export class SimApi {
  readonly process: SimProcess;
  readonly #http: (request: SimRequest) => Promise<SimResponse>;

  constructor(surroundings: Surroundings, name: string) {
    const { engine, log, brokers, services, stores } = surroundings;
    const process = new SimProcess(engine, name);
    this.process = process;
    const health = createHealth(() => process.clock.now());
    const cache = reach(stores.readCache, services.cacheReads, process);
    const startFeed = (listener: DecisionListener) => {
      // A message takes its time, and one in the air may be lost with the cache.
      const close = stores.subscribe((message) => {
        if (services.cacheReads.state !== "up" || engine.chance(services.cacheReads.lossRate)) return;
        process.after(engine.between(0.1, 3), "feed", () => {
          listener.decidedUpTo(message.decidedUpTo);
          if (listener.follows()) listener.changed(message.changes);
          if (listener.wanted()) listener.told(message);
        });
      });
      listener.heard();
      return { close };
    };
    const api = createServices({
      codec: simCodec,
      appender: createSimAppender({ engine, process, log, service: services.logAppends }),
      inspector: createSimInspector(log, services.log, process),
      map: stores.maps.current() ?? { version: 0, partitionCount: log.partitions.length, growth: null, changedAt: 0 },
      maps: reach(stores.maps, services.storeReads, process),
      logAdmin: createSimAdmin(brokers, services.log, process),
      catalogue: reach(stores.catalogue, services.storeReads, process),
      orders: reach(stores.orders, services.storeReads, process),
      fulfilments: reach(stores.fulfilments, services.storeReads, process),
      letters: reach(stores.letters, services.storeReads, process),
      cache,
      // No order goes further than being packed: there is nothing to keep of its way.
      keepsOrders: false,
      pages: { cache: reach(stores.pages, services.pages, process), isRead: true },
      drivers: reach(stores.drivers, services.storeReads, process),
      tracking: reach(stores.tracking, services.storeReads, process),
      // Nobody looks where drivers are in a simulated world.
      positions: createMemoryDriverPositions(),
      // Nor does anybody follow anything.
      teller: { tell: () => Promise.resolve() },
      // And nobody is told of events over HTTP, for there is no worker.
      lowStock: createMemoryLowStockStore(),
      webhooks: createMemoryWebhookStore(() => process.clock.now()),
      audits: { list: () => Promise.resolve([]) },
      checkWebhookAddress: () => Promise.resolve(null),
      startFeed,
      health,
      metrics: noMetrics,
      logger: noLog,
      catalogueCacheEntriesMax,
      clock: process.clock,
      newCommandId: () =>
        v7({ msecs: process.clock.now(), random: Uint8Array.from({ length: 16 }, () => engine.whole(0, 255)) }),
    });
    this.#http = createSimHttp(api);
    const look = (): void => {
      health.set(dependencyNames.store, false, services.storeReads.state === "up" ? "up" : "down");
      process.after(healthLookMs, "health", look);
    };
    look();
  }

  /** Answers as the server would; never answers once the process is dead. */
  handle(request: SimRequest): Promise<SimResponse> {
    return this.#http(request);
  }
}
