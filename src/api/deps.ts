import type { FastifyBaseLogger } from "fastify";
import type { Clock } from "../clock.ts";
import type { LogAdmin } from "../log/log-admin.ts";
import type { LogAppender, LogInspector } from "../log/log.ts";
import type { Health } from "../ops/health.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import type { AuditResultStore } from "../stores/audit-result-store.ts";
import type { CatalogueStore } from "../stores/catalogue-store.ts";
import type { ChangeTeller } from "../stores/change-teller.ts";
import type { DeadLetterStore } from "../stores/dead-letter-store.ts";
import type { DecisionFeed, DecisionListener } from "../stores/decision-feed.ts";
import type { DriverPositions } from "../stores/driver-positions.ts";
import type { DriverStore } from "../stores/driver-store.ts";
import type { FulfilmentStore } from "../stores/fulfilment-store.ts";
import type { LowStockStore } from "../stores/low-stock-store.ts";
import type { OrderReads } from "../stores/order-reads.ts";
import type { PageCache } from "../stores/page-cache.ts";
import type { PartitionMap, PartitionMapStore } from "../stores/partition-map-store.ts";
import type { ReadCache } from "../stores/read-cache.ts";
import type { TrackingStore } from "../stores/tracking-store.ts";
import type { WebhookStore } from "../stores/webhook-store.ts";
import type { GrowthHealthOptions } from "./growth-health.ts";
import type { LiveLimits } from "./live/live.ts";
import type { WriterLimits } from "./order-writer.ts";
import type { TopicNames } from "./plugins/asyncapi-document.ts";

/** All that the ingress needs of the world. Whoever made a dependency closes it, after the server is closed. */
export type ApiDeps = {
  readonly topics: TopicNames;
  readonly codec: Pick<CommandCodec, "encode" | "decode" | "learn">;
  readonly appender: Pick<LogAppender, "append">;
  readonly inspector: Pick<LogInspector, "ends">;
  /** The partition map as it was at the start, and where it is looked at from then on. */
  readonly map: PartitionMap;
  readonly maps: Pick<PartitionMapStore, "read">;
  readonly logAdmin: Pick<LogAdmin, "partitionCounts">;
  /** For health: what a growth waits for, and how many partitions the topic has. */
  readonly growth?: Pick<GrowthHealthOptions, "look" | "topicPartitions">;
  readonly catalogue: CatalogueStore;
  readonly orders: OrderReads;
  readonly fulfilments: FulfilmentStore;
  readonly tracking: TrackingStore;
  readonly letters: Pick<DeadLetterStore, "undecided">;
  readonly cache: ReadCache;
  /** Left out: pages are read from PostgreSQL, and nobody is told of changes. `isRead` false: the same, but others are told. */
  readonly pages?: { readonly cache: PageCache; readonly isRead: boolean } | undefined;
  /** For a simulation: orders on their way are kept as pages otherwise. */
  readonly keepsOrders?: boolean;
  readonly drivers: DriverStore;
  readonly positions: DriverPositions;
  readonly lowStock: Pick<LowStockStore, "alerts" | "acknowledge">;
  readonly webhooks: WebhookStore;
  readonly audits: Pick<AuditResultStore, "list">;
  /** Why a webhook may not have this address, for people; null: it may. */
  readonly checkWebhookAddress: (url: string) => Promise<string | null>;
  /** Starts the decision feed; the server closes it. */
  readonly startFeed: (listener: DecisionListener) => DecisionFeed;
  readonly teller: ChangeTeller;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: FastifyBaseLogger;
  /** For tests: `limits.storeAwayBacklogRecordsMax` otherwise. */
  readonly storeAwayBacklogRecordsMax?: number;
  /** For tests: `limits` otherwise. */
  readonly writerBounds?: WriterLimits;
  /** For tests: `limits.requestsUnderWayMax` otherwise. */
  readonly requestsUnderWayMax?: number;
  /** For a simulation: `limits.catalogueCacheEntriesMax` otherwise, which is memory that is taken at once. */
  readonly catalogueCacheEntriesMax?: number;
  /** False: no product gets a quota, whomever it holds up. */
  readonly productQuotas?: boolean;
  /** For tests: `limits` otherwise. */
  readonly liveBounds?: Partial<LiveLimits> | undefined;
  readonly clock?: Clock;
  /** Makes the ids that callers did not give (P1): a UUID that nobody else makes. */
  readonly newCommandId?: () => string;
};
