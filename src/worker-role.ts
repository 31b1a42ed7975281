/** Wires a worker: background jobs and looks, the adapters behind them, and a small server for health and metrics. It starts with PostgreSQL alone. */
import type { Logger } from "pino";
import { buildOpsServer } from "./api/ops-server.ts";
import { systemClock } from "./clock.ts";
import { connectAudit } from "./command-line/audit.ts";
import type { Config } from "./config.ts";
import { createAuditJob } from "./jobs/audit.ts";
import { createDeliverWebhook } from "./jobs/deliver-webhook.ts";
import { createExpire } from "./jobs/expire.ts";
import { createLooks } from "./jobs/looks.ts";
import { measured } from "./jobs/measured.ts";
import { limits } from "./limits.ts";
import { createHealth, dependencyNames, HealthNote } from "./ops/health.ts";
import { createMetrics } from "./ops/metrics.ts";
import type { Metrics } from "./ops/metrics.ts";
import { createPgBossQueue } from "./queue/pg-boss/queue.ts";
import type { JobHandler, JobName, JobQueue } from "./queue/queue.ts";
import { within } from "./role.ts";
import type { RunningRole } from "./role.ts";
import { awaitService, withoutPassword } from "./service-away.ts";
import { prepareDatabase } from "./set-up.ts";
import { createPostgresAuditResultStore } from "./stores/postgres/audit-result-store.ts";
import { createPostgresDeliveryStore } from "./stores/postgres/delivery-store.ts";
import { StoreUnavailable } from "./stores/ledger-store.ts";
import { storeError } from "./stores/postgres/errors.ts";
import { createPostgresExpiryStore } from "./stores/postgres/expiry-store.ts";
import { createPostgresLowStockStore } from "./stores/postgres/low-stock-store.ts";
import { createPool } from "./stores/postgres/pool.ts";
import { createWebhookSender } from "./webhooks/sender.ts";

/** A look, the jobs that run, and a probe. */
const connectionsMax = 6;
/** Every night, before the day begins in most places. */
const expiryTimes = "30 2 * * *";

export async function startWorker(config: Config, log: Logger): Promise<RunningRole> {
  await prepareDatabase(config, log);
  const pool = createPool({
    url: config.databaseUrl,
    name: `tallyman-worker ${config.instanceId}`,
    connectionsMax,
    onIdleError: (err) => log.warn({ err }, "a database connection broke"),
  });
  const metrics = createMetrics();
  const { queue, enqueue } = createPgBossQueue({
    url: config.databaseUrl,
    name: `tallyman-queue ${config.instanceId}`,
    deliveryRetrySeconds: config.webhookRetrySeconds,
    onError: (err) => log.warn({ err }, "the job queue"),
  });
  const deliveries = createPostgresDeliveryStore(pool, enqueue);
  const send = createWebhookSender({ allowPrivate: config.webhooksAllowPrivate });
  const looks = createLooks({
    lowStock: createPostgresLowStockStore(pool),
    deliveries,
    clock: systemClock,
    metrics,
    log,
  });
  const results = createPostgresAuditResultStore(pool);
  const job = (name: JobName, handler: JobHandler): JobHandler => measured(name, handler, { metrics, log });
  const handlers: Record<JobName, JobHandler> = {
    "deliver-webhook": job("deliver-webhook", createDeliverWebhook({ deliveries, send, metrics, log })),
    audit: job(
      "audit",
      createAuditJob({ connect: () => connectAudit({ config, log }), results, metrics, clock: systemClock, log }),
    ),
    expire: job("expire", createExpire({ expiry: createPostgresExpiryStore(pool), days: config.trackingDays, log })),
  };
  const postgres = { name: "PostgreSQL", address: withoutPassword(config.databaseUrl) };
  const isAway = (error: unknown): boolean => storeError(error) instanceof StoreUnavailable;
  await awaitService(postgres, queue.start(handlers), isAway);
  await awaitService(postgres, queue.schedule("expire", expiryTimes), isAway);
  await awaitService(postgres, queue.schedule("audit", config.auditCron), isAway);

  const health = createHealth();
  health.watch(dependencyNames.store, true, () => pool.query("select 1"));
  health.watch("background work", false, async () => {
    await countJobs(queue, metrics);
    const trouble = looks.trouble();
    if (trouble !== null) throw new Error(trouble);
    const running = Object.keys(handlers).length;
    return new HealthNote(`${running} kinds of jobs`);
  });
  await health.start();
  const server = await buildOpsServer({ health, metrics, logger: log });
  await server.listen({ host: config.host, port: config.workerPort });
  looks.start();
  log.info({ instanceId: config.instanceId }, "the worker is running");

  return {
    stop: async () => {
      health.leave();
      await Promise.all([
        within(limits.jobDrainMs, looks.stop()),
        within(limits.jobDrainMs, queue.stop(limits.jobDrainMs)),
      ]);
      health.stop();
      await within(limits.closeMs, Promise.allSettled([server.close(), pool.end()]));
    },
  };
}

async function countJobs(queue: JobQueue, { queuedJobs }: Metrics): Promise<void> {
  for (const { name, ...counts } of await queue.counts()) {
    for (const [state, count] of Object.entries(counts)) queuedJobs.set({ job: name, state }, count);
  }
}
