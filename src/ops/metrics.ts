/**
 * The instruments of both roles, in one registry that `GET /metrics` prints. Every label takes its values from a closed
 * list (a route's pattern, a reason, a partition), never from what a caller sends, so that the number of series stays
 * bounded. Times are in seconds, as Prometheus has it.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const countBuckets = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

export type Metrics = ReturnType<typeof createMetrics>;

/** `defaults` false leaves out what is told of the Node process itself: those need an event loop monitor each. */
export function createMetrics(options: { readonly defaults?: boolean } = {}) {
  const registry = new Registry();
  if (options.defaults !== false) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const seconds = (name: string, help: string) => new Histogram({ name, help, registers, buckets: secondsBuckets });
  const counts = (name: string, help: string) => new Histogram({ name, help, registers, buckets: countBuckets });

  return {
    registry,

    // The processor.
    commits: counter("tallyman_commits_total", "Groups committed to PostgreSQL"),
    commitSeconds: seconds("tallyman_commit_seconds", "Time of one group's commit"),
    groupCommands: counts("tallyman_group_commands", "Commands in one committed group"),
    fenced: counter("tallyman_fenced_total", "Commits and effects refused because another owner holds the partition"),
    refusals: new Counter({
      name: "tallyman_refusals_total",
      help: "Commands decided as refused, by reason",
      labelNames: ["reason"],
      registers,
    }),
    decided: new Counter({
      name: "tallyman_decided_total",
      help: "Commands decided, by type and by what became of them",
      labelNames: ["type", "status"],
      registers,
    }),
    duplicates: counter("tallyman_duplicates_total", "Commands whose id had been decided before"),
    deadLetters: new Counter({
      name: "tallyman_dead_letters_total",
      help: "Records kept as rows without being decided, by why",
      labelNames: ["kind"],
      registers,
    }),
    parks: counter("tallyman_parks_total", "Products parked because the store refused a command of theirs"),
    haltedPartitions: new Gauge({
      name: "tallyman_halted_partitions",
      help: "Partitions of this instance that nobody goes on with before an operator has looked",
      registers,
    }),
    lagRecords: new Gauge({
      name: "tallyman_lag_records",
      help: "Records of an owned partition that are not decided yet",
      labelNames: ["partition"],
      registers,
    }),
    effectsBacklogCommands: new Gauge({
      name: "tallyman_effects_backlog_commands",
      help: "Commands that are committed and whose effects are not told yet",
      registers,
    }),

    decisionsTold: counter("tallyman_decisions_told_total", "Decisions that the decisions topic has acknowledged"),
    decisionsRecords: counter("tallyman_decisions_records_total", "Records that the decisions topic has acknowledged"),
    decisionsFailures: counter("tallyman_decisions_failures_total", "Appends to the decisions topic that failed"),
    decisionsBehindRecords: new Gauge({
      name: "tallyman_decisions_behind_records",
      help: "Records of owned partitions that are decided, and the decisions topic is not told yet",
      registers,
    }),

    // The worker.
    jobs: new Counter({
      name: "tallyman_jobs_total",
      help: "Runs of background jobs, by what came of them",
      labelNames: ["job", "outcome"],
      registers,
    }),
    jobSeconds: new Histogram({
      name: "tallyman_job_seconds",
      help: "Time of one run of a background job",
      labelNames: ["job"],
      buckets: [0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1_800, 7_200],
      registers,
    }),
    queuedJobs: new Gauge({
      name: "tallyman_queued_jobs",
      help: "Jobs in the queue, by state: due and waiting, due later, running, failed for good",
      labelNames: ["job", "state"],
      registers,
    }),
    lookSeconds: seconds("tallyman_look_seconds", "Time of one look for what is to be done in the background"),
    lowStockAlerts: counter("tallyman_low_stock_alerts_total", "Alerts raised because a product became low"),
    webhookAttempts: new Counter({
      name: "tallyman_webhook_attempts_total",
      help: "Attempts to deliver an event to a webhook, by what became of the delivery",
      labelNames: ["outcome"],
      registers,
    }),
    auditDifferences: new Gauge({
      name: "tallyman_audit_differences",
      help: "Differences that the last audit in the background found",
      registers,
    }),

    // All.
    mapVersion: new Gauge({
      name: "tallyman_partition_map_version",
      help: "Version of the partition map as this process knows it",
      registers,
    }),
    growthPhase: new Gauge({
      name: "tallyman_growth_phase",
      help: "What a growth of partitions is at: 0 none, 1 preparing, 2 holding, 3 draining",
      registers,
    }),

    // The ingress.
    appends: counter("tallyman_appends_total", "Records that the log has acknowledged"),
    appendFailures: new Counter({
      name: "tallyman_append_failures_total",
      help: "Records that were not acknowledged, by what the caller was told",
      labelNames: ["code"],
      registers,
    }),
    appendSeconds: seconds("tallyman_append_seconds", "Time from an append's start to the log's acknowledgement"),
    appendBatchRecords: counts("tallyman_append_batch_records", "Records in one append"),
    appendQueueRecords: new Gauge({
      name: "tallyman_append_queue_records",
      help: "Records that wait for the append in flight to end",
      registers,
    }),
    heldCommands: new Gauge({
      name: "tallyman_held_commands",
      help: "Commands that wait because their product moves to another partition",
      registers,
    }),
    productQuotas: new Gauge({
      name: "tallyman_product_quotas",
      help: "Products of which some orders are refused, because they hold up others",
      registers,
    }),
    requestsRefused: counter(
      "tallyman_requests_refused_total",
      "Requests refused unread, because too many were under way",
    ),
    requestsAtOnce: new Gauge({
      name: "tallyman_requests_at_once",
      help: "Requests that may be under way at once, as it was found out lately",
      registers,
    }),
    pageReads: new Counter({
      name: "tallyman_page_reads_total",
      help: "Pages that were asked for, by which kind they are and by where they came from",
      labelNames: ["page", "cache"],
      registers,
    }),
    pageMarksBehind: new Gauge({
      name: "tallyman_page_scopes_behind",
      help: "What pages depend on, changed while Redis was away, which it is not told yet",
      registers,
    }),
    waiters: new Gauge({
      name: "tallyman_waiters",
      help: "Requests that wait for a decision",
      registers,
    }),
    liveSubscribers: new Gauge({
      name: "tallyman_live_subscribers",
      help: "Event streams and WebSockets that are open",
      labelNames: ["over"],
      registers,
    }),
    liveFollowed: new Gauge({
      name: "tallyman_live_followed",
      help: "Orders and products that subscribers follow, each counted once for each of them",
      registers,
    }),
    liveEvents: new Counter({
      name: "tallyman_live_events_total",
      help: "Events told to subscribers, by their names",
      labelNames: ["kind"],
      registers,
    }),
    liveDropped: new Counter({
      name: "tallyman_live_dropped_total",
      help: "Subscribers that were sent away, by why",
      labelNames: ["reason"],
      registers,
    }),
    liveGaps: counter(
      "tallyman_live_gaps_total",
      "Times that messages between instances may have been missed, so that all that is followed is read again",
    ),
    cacheFailures: counter("tallyman_cache_failures_total", "Requests that went on without Redis"),
    driverPositions: new Counter({
      name: "tallyman_driver_positions_total",
      help: "Positions of drivers that came, by what became of them",
      labelNames: ["outcome"],
      registers,
    }),
    driverAssignments: new Counter({
      name: "tallyman_driver_assignments_total",
      help: "Orders that were to be given to a driver, by what became of that",
      labelNames: ["outcome"],
      registers,
    }),
    httpRequests: new Counter({
      name: "tallyman_http_requests_total",
      help: "Requests answered",
      labelNames: ["method", "route", "status"],
      registers,
    }),
    httpSeconds: new Histogram({
      name: "tallyman_http_request_seconds",
      help: "Time from a request's first byte to its answer's last",
      labelNames: ["method", "route"],
      buckets: secondsBuckets,
      registers,
    }),
  };
}
