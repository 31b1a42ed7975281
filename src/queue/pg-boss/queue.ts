/**
 * The job queue in PostgreSQL, by pg-boss, in a schema of its own.
 *
 * Who owns what: pg-boss owns the schema, which it makes and brings up to date under an advisory lock of its own, and the connections of this object's pool.
 *
 * I1 A job that runs has a heartbeat. When that is missing for `limits.jobHeartbeatSeconds`, because the worker died or hangs, any other worker's supervision, which looks every
 *    `limits.jobSuperviseSeconds`, gives the job to somebody else: after its usual wait for a retry, as if it had failed.
 * I2 What runs when the worker stops is told so by its signal, is waited for, and is then given back: others run it again.
 * I3 Jobs that are alone (all but deliveries) are there once: one that waits or runs keeps a further one out, so that a schedule that fires in several instances, or too soon, makes one.
 */
import { PgBoss } from "pg-boss";
import type { JobWithMetadata, Queue as QueueOptions } from "pg-boss";
import { limits } from "../../limits.ts";
import { jobNames } from "../queue.ts";
import type { Enqueue, JobHandler, JobName, JobQueue, Transaction } from "../queue.ts";

export type PgBossOptions = {
  readonly url: string;
  /** Shown in pg_stat_activity, and in the queue's list of instances. */
  readonly name: string;
  /** Before a delivery that failed is tried again: the first time about so long, then twice as long each time. */
  readonly deliveryRetrySeconds: number;
  /** What the queue complains of by itself: it goes on. */
  readonly onError: (error: unknown) => void;
};

export const queueSchema = "tallyman_jobs";

/** All of a queue that may change; its policy may not, once it is made. */
type Settings = Omit<QueueOptions, "name" | "policy" | "partition" | "deadLetter" | "notify" | "warningQueueSize">;

function settingsOf(name: JobName, deliveryRetrySeconds: number): Settings {
  const common = {
    heartbeatSeconds: limits.jobHeartbeatSeconds,
    deleteAfterSeconds: limits.jobKeptSeconds,
    retentionSeconds: limits.jobRetentionSeconds,
  };
  if (name === "deliver-webhook") {
    const retries = {
      retryLimit: limits.deliveryAttemptsMax - 1,
      retryDelay: deliveryRetrySeconds,
      retryBackoff: true,
    };
    return { ...common, ...retries, expireInSeconds: limits.deliverySecondsMax };
  }
  const retries = { retryLimit: limits.jobRetriesMax, retryDelay: limits.jobRetrySeconds, retryBackoff: true };
  return { ...common, ...retries, expireInSeconds: limits.jobSecondsMax };
}

/** `enqueue` works once `start` has resolved. */
export function createPgBossQueue(options: PgBossOptions): { readonly queue: JobQueue; readonly enqueue: Enqueue } {
  const { url, name: applicationName, deliveryRetrySeconds, onError } = options;
  const boss = new PgBoss({
    connectionString: url,
    schema: queueSchema,
    application_name: applicationName,
    max: limits.queueConnectionsMax,
    connectionTimeoutMillis: limits.connectTimeoutMs,
    superviseIntervalSeconds: limits.jobSuperviseSeconds,
    monitorIntervalSeconds: limits.jobSuperviseSeconds,
    instanceName: applicationName,
  });
  boss.on("error", onError);
  const stopping = new AbortController();

  const run = async (name: JobName, handler: JobHandler): Promise<void> => {
    const isDelivery = name === "deliver-webhook";
    const pollingIntervalSeconds = isDelivery ? limits.deliveryPollSeconds : limits.jobPollSeconds;
    const concurrency = isDelivery
      ? { localConcurrency: limits.deliveriesAtOnce, localGroupConcurrency: limits.deliveriesOfOneAtOnce }
      : {};
    const options = { includeMetadata: true, pollingIntervalSeconds, ...concurrency } as const;
    await boss.work(name, options, async (jobs: JobWithMetadata<Record<string, unknown> | null>[]) => {
      for (const { id, data, retryCount, retryLimit, signal } of jobs) {
        const isLast = retryCount >= retryLimit;
        await handler({ id, data: data ?? {}, isLast, signal: AbortSignal.any([signal, stopping.signal]) }); // I2
      }
    });
  };

  const queue: JobQueue = {
    start: async (handlers) => {
      await boss.start();
      for (const name of jobNames) {
        const settings = settingsOf(name, deliveryRetrySeconds);
        await boss.createQueue(name, { policy: name === "deliver-webhook" ? "standard" : "exclusive", ...settings }); // I3
        await boss.updateQueue(name, settings);
      }
      for (const name of jobNames) await run(name, handlers[name]);
    },
    schedule: async (name, cron) => {
      if (cron === null) await boss.unschedule(name);
      // One that came due while no worker ran is made up for.
      else await boss.schedule(name, cron, null, { tz: "UTC", missed: "once" });
    },
    send: async (name) => {
      await boss.send(name);
    },
    counts: async () => {
      const queues = await boss.getQueues([...jobNames]);
      return jobNames.flatMap((name) => {
        const found = queues.find((each) => each.name === name);
        if (found === undefined) return [];
        const { readyCount: waiting, deferredCount: later, activeCount: running, failedCount: failed } = found;
        return [{ name, waiting, later, running, failed }];
      });
    },
    stop: async (waitMs) => {
      stopping.abort();
      await boss.stop({ graceful: true, timeout: waitMs });
    },
  };

  const enqueue: Enqueue = async (transaction, name, jobs) => {
    const db = { executeSql: (text: string, values?: unknown[]) => withRows(transaction, text, values ?? []) };
    await boss.insert(
      name,
      jobs.map(({ data, group }) => ({ data, group: { id: group } })),
      { db },
    );
  };
  return { queue, enqueue };
}

/** The library reads rows as what they turn out to be. */
async function withRows(transaction: Transaction, text: string, values: unknown[]) {
  const { rows } = await transaction.query(text, values);
  return { rows: rows as Record<string, unknown>[] };
}
