import type { FulfilmentStore } from "../stores/fulfilment-store.ts";
import type { TrackingStore } from "../stores/tracking-store.ts";
import type { DriverStore } from "../stores/driver-store.ts";
import type { CatalogueStore } from "../stores/catalogue-store.ts";
import type { DeadLetterStore } from "../stores/dead-letter-store.ts";
import type { DecisionMessage } from "../schemas/decision-feed.ts";
import type { EffectsCache, OwnershipProof } from "../stores/effects-cache.ts";
import type { LedgerStore } from "../stores/ledger-store.ts";
import type { MemoryPartitionMaps } from "../stores/memory/partition-map-store.ts";
import type { OrderReads } from "../stores/order-reads.ts";
import type { PageCache } from "../stores/page-cache.ts";
import type { ReadCache } from "../stores/read-cache.ts";
import type { Engine } from "./engine.ts";
import type { SimBrokers } from "./sim-admin.ts";
import type { SideEngine } from "./side-engine.ts";
import type { SimService } from "./service.ts";
import type { SimGroup } from "./sim-group.ts";
import type { SimLog } from "./sim-log.ts";

/** What the processes of one world live in. */
export type Surroundings = {
  readonly engine: Engine;
  readonly log: SimLog;
  /** The decisions topic, and chance that nobody else draws from. */
  readonly decisions: SimLog;
  readonly side: SideEngine;
  readonly brokers: SimBrokers;
  readonly group: SimGroup;
  readonly services: Services;
  readonly stores: Stores;
};

/** The same service has several time limits, for it has several kinds of clients. */
export type Services = {
  readonly log: SimService;
  readonly logAppends: SimService;
  readonly store: SimService;
  readonly storeReads: SimService;
  readonly cache: SimService;
  readonly cacheReads: SimService;
  /** What is asked of pages, which draws from chance of its own. */
  readonly pages: SimService;
  /** What the outlet of the decisions asks of the log and of the store. */
  readonly decisionsAppends: SimService;
  readonly decisionsStore: SimService;
};

export type Stores = {
  readonly ledger: LedgerStore;
  readonly orders: OrderReads;
  readonly fulfilments: FulfilmentStore;
  readonly drivers: DriverStore;
  readonly tracking: TrackingStore;
  readonly letters: Pick<DeadLetterStore, "undecided">;
  readonly catalogue: CatalogueStore;
  readonly maps: MemoryPartitionMaps;
  readonly readCache: ReadCache;
  readonly pages: PageCache;
  readonly effectsCache: (proof: OwnershipProof) => EffectsCache;
  readonly subscribe: (listener: (message: DecisionMessage) => void) => () => void;
};
