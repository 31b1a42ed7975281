import { systemClock } from "../clock.ts";
import type { CatalogueStore } from "../stores/catalogue-store.ts";
import type { DriverPositions } from "../stores/driver-positions.ts";
import type { DriverStore } from "../stores/driver-store.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { OrderDocument } from "../schemas/order-document.ts";
import type { OrderReads } from "../stores/order-reads.ts";
import { limits } from "../limits.ts";
import { createAdmission } from "./plugins/admission.ts";
import type { Admission } from "./plugins/admission.ts";
import { createAbsenceProof } from "./absence-proof.ts";
import { createCatalogue } from "./catalogue.ts";
import type { Catalogue } from "./catalogue.ts";
import { createCommandLog } from "./command-log.ts";
import type { CommandLog } from "./command-log.ts";
import { newCommandId } from "./command-ids.ts";
import type { ApiDeps } from "./deps.ts";
import { createDriverDirectory } from "./driver-directory.ts";
import type { DriverDirectory } from "./driver-directory.ts";
import { createDriverLocations } from "./driver-locations.ts";
import type { DriverLocations } from "./driver-locations.ts";
import { createDriverOf, createPositionOf } from "./driver-of-order.ts";
import type { DriverOf, PositionOf } from "./driver-of-order.ts";
import { createFindFreeDrivers } from "./free-drivers.ts";
import type { FindFreeDrivers } from "./free-drivers.ts";
import { createFulfilments } from "./fulfilments.ts";
import type { Fulfilments } from "./fulfilments.ts";
import { createGrowthCheck } from "./growth-health.ts";
import { createOrderFinder } from "./order-finder.ts";
import type { OrderFinder } from "./order-finder.ts";
import { createMarkedCatalogue } from "./marked-catalogue.ts";
import { createMarkedDrivers, createMarkedFulfilments } from "./marked-tracking.ts";
import { createPageMarks } from "./page-marks.ts";
import { createProductPages } from "./product-pages.ts";
import type { ProductPages } from "./product-pages.ts";
import { createLive } from "./live/live.ts";
import type { Live } from "./live/live.ts";
import { createOrderTracking } from "./order-tracking.ts";
import type { OrderTracking } from "./order-tracking.ts";
import { createOrderWriter } from "./order-writer.ts";
import { createIngressMap } from "./partition-map.ts";
import { createProductQuotas } from "./product-quotas.ts";
import type { ProductQuotas } from "./product-quotas.ts";
import { createStockReaders } from "./stock-reader.ts";
import type { StockReader } from "./stock-reader.ts";
import { createStoreAwayBacklog } from "./store-away-backlog.ts";
import { createToldChanges } from "./told-changes.ts";
import type { ToldChanges } from "./told-changes.ts";
import { createWaiters } from "./waiters.ts";
import type { Waiters } from "./waiters.ts";
import { dependencyNames } from "../ops/health.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";

/** What routes work with: the dependencies, put together once. */
export type ApiServices = {
  readonly log: CommandLog;
  readonly admission: Admission;
  readonly waiters: Waiters;
  readonly live: Live;
  readonly catalogue: Catalogue;
  readonly products: CatalogueStore;
  readonly productPages: ProductPages;
  readonly orders: Pick<OrderReads, "list" | "listByStatus">;
  readonly finder: OrderFinder;
  readonly fulfilments: Fulfilments;
  readonly tracking: OrderTracking;
  readonly told: ToldChanges;
  readonly readStock: StockReader;
  readonly drivers: DriverStore;
  readonly positions: DriverPositions;
  readonly directory: DriverDirectory;
  readonly locations: DriverLocations;
  readonly findFreeDrivers: FindFreeDrivers;
  readonly driverOf: DriverOf;
  readonly positionOf: PositionOf;
  readonly lowStock: ApiDeps["lowStock"];
  readonly webhooks: ApiDeps["webhooks"];
  readonly audits: ApiDeps["audits"];
  readonly checkWebhookAddress: ApiDeps["checkWebhookAddress"];
  readonly metrics: Pick<Metrics, "cacheFailures" | "driverAssignments" | "pageReads">;
  /** Tells Redis of an order that is about to be appended. Never rejects: the order goes to the log without it too. */
  readonly markPending: (order: OrderDocument) => Promise<void>;
  /** What is known of PostgreSQL says that it can't be asked, so that an answer from elsewhere may be old. */
  readonly isStoreAway: () => boolean;
  /** Over how many partitions products are spread, as it was last seen. */
  readonly ordersPartitions: () => number;
  readonly now: () => number;
  /** The id of a command whose caller gave none. */
  readonly newCommandId: () => string;
  /** Aborted when the server begins to close: what goes on for long ends then. */
  readonly leaving: AbortSignal;
  /** Wakes whoever waits, so that a server that closes need not. */
  readonly leave: () => void;
  /** Resolves when everything that was taken for the log is settled. */
  readonly close: () => Promise<void>;
};

export function createServices(deps: Omit<ApiDeps, "topics">): ApiServices {
  const { codec, appender, inspector, catalogue, orders, cache, health, metrics, clock = systemClock } = deps;
  const { positions } = deps;
  const marks = deps.pages && createPageMarks({ cache: deps.pages.cache, metrics, clock });
  const drivers = marks === undefined ? deps.drivers : createMarkedDrivers(deps.drivers, marks);
  const fulfilments = marks === undefined ? deps.fulfilments : createMarkedFulfilments(deps.fulfilments, marks);
  const map = createIngressMap({ map: deps.map, maps: deps.maps, logAdmin: deps.logAdmin, metrics, clock });
  if (deps.growth !== undefined) {
    health.watch("partitions", false, createGrowthCheck({ map: () => map.map(), clock, ...deps.growth }));
  }
  const writer = createOrderWriter({ appender, metrics, clock, bounds: deps.writerBounds ?? limits });
  const isStoreAway = (): boolean => health.stateOf(dependencyNames.store) === "down";
  const backlog = createStoreAwayBacklog(health, deps.storeAwayBacklogRecordsMax);
  const waiters = createWaiters(metrics, limits.waitersMax, clock);
  const proveAbsence = createAbsenceProof({ inspector, orders, clock });
  const positionOf = createPositionOf({ positions, metrics });
  const directory = createDriverDirectory({ drivers, clock, isStoreAway });
  const leaving = new AbortController();
  const quotas = createProductQuotas({ bounds: limits, clock, metrics });
  const knownProducts = createCatalogue(catalogue, clock, isStoreAway, deps.catalogueCacheEntriesMax);
  const pages = deps.pages?.isRead === true ? deps.pages.cache : null;
  const tracking = createOrderTracking({
    ...{ tracking: deps.tracking, metrics, clock },
    cache: deps.keepsOrders === false ? null : pages,
  });
  const finder = createOrderFinder({
    ...{ cache, orders, letters: deps.letters, codec, proveAbsence, metrics, clock },
    kept: (orderId) => tracking.kept(orderId),
  });
  const { readStock, readStocks } = createStockReaders({ cache, orders, metrics, clock });
  const productPages = createProductPages({
    cache: pages,
    catalogue,
    readStocks,
    remember: (product) => void knownProducts.remember(product),
    beforeProduct: (productId) => {
      if (isStoreAway() && knownProducts.known(productId) !== undefined) throw new StoreUnavailable("known to be away");
    },
    metrics,
    clock,
  });
  const { logger, liveBounds } = deps;
  const live = createLive({
    finder,
    catalogue: knownProducts,
    products: catalogue,
    readStock,
    orders,
    tracking: deps.tracking,
    positions,
    clock,
    metrics,
    logger,
    bounds: liveBounds,
  });
  const onError = (err: unknown) => logger.error({ err }, "a change could not be told");
  const told = createToldChanges({ teller: deps.teller, tracking: deps.tracking, metrics, onError });
  const { topics, categories } = live;
  const feed = deps.startFeed({
    heard: () => {
      topics.heard();
      categories.heard();
    },
    lost: () => topics.lost(),
    wanted: () => waiters.wanted() || topics.followsOrders(),
    follows: () => topics.follows() || categories.follows(),
    told: (message) => {
      waiters.told(message);
      topics.decided(message);
    },
    changed: (changes) => {
      topics.changed(changes);
      categories.changed(changes);
    },
    decidedUpTo: (positions) => quotas.decidedUpTo(positions),
  });

  return {
    log: createCommandLog({
      codec,
      writer,
      backlog,
      map,
      quotas: deps.productQuotas === false ? withoutQuotas(quotas) : quotas,
      clock,
    }),
    admission: createAdmission({
      bounds: {
        requestsMin: limits.requestsUnderWayMin,
        requestsMax: deps.requestsUnderWayMax ?? limits.requestsUnderWayMax,
        batchesMax: limits.batchesUnderWayMax,
        requestMsMax: limits.requestMsMax,
      },
      clock,
      metrics,
      appendMs: () => writer.appendMs(),
    }),
    waiters,
    live,
    catalogue: knownProducts,
    products: marks === undefined ? catalogue : createMarkedCatalogue(catalogue, marks),
    productPages,
    orders,
    finder,
    fulfilments: createFulfilments(fulfilments, clock),
    tracking,
    told,
    readStock,
    drivers,
    positions,
    directory,
    locations: createDriverLocations({ directory, positions, metrics }),
    findFreeDrivers: createFindFreeDrivers({ drivers, positions }),
    driverOf: createDriverOf({ drivers, positionOf }),
    positionOf,
    lowStock: deps.lowStock,
    webhooks: deps.webhooks,
    audits: deps.audits,
    checkWebhookAddress: deps.checkWebhookAddress,
    metrics,
    markPending: (order) =>
      cache.markPending(order.orderId, JSON.stringify(order)).catch(() => metrics.cacheFailures.inc()),
    isStoreAway,
    ordersPartitions: () => map.map().partitionCount,
    now: () => clock.now(),
    newCommandId: deps.newCommandId ?? newCommandId,
    leaving: leaving.signal,
    leave: () => {
      leaving.abort();
      waiters.leave();
      live.subscribers.leave();
      map.leave();
    },
    close: async () => {
      await writer.close();
      map.close();
      marks?.close();
      feed.close();
      categories.close();
      topics.close();
    },
  };
}

/** Nobody is refused or held up. */
function withoutQuotas(quotas: ProductQuotas): ProductQuotas {
  return { ...quotas, hasRoom: () => true, roomFor: (_productId, orders) => orders };
}
