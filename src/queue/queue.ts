/**
 * The port to the job queue: what belongs in no request and no processor (docs/decisions/076-background-work.md). A job is run by one worker at a time, whichever gets it, and again
 * when it failed or its worker died: each must bear to be run twice. pg-boss stands behind it, in `pg-boss/`.
 */

export const jobNames = ["deliver-webhook", "audit", "expire"] as const;
export type JobName = (typeof jobNames)[number];

export type Job = {
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** It is not tried again when this run fails. */
  readonly isLast: boolean;
  /** Aborted when the job has run for too long, or the worker stops. */
  readonly signal: AbortSignal;
};

/** Rejects when the job is to be run again. */
export type JobHandler = (job: Job) => Promise<void>;

/** How much of a job waits. */
export type QueueCount = {
  readonly name: JobName;
  /** Due, and not begun. */
  readonly waiting: number;
  /** Due later: among them those that failed and are tried again. */
  readonly later: number;
  readonly running: number;
  /** Failed for good, and kept for some days. */
  readonly failed: number;
};

export type JobQueue = {
  /** Makes or updates what the queue needs, and begins to run jobs. Resolves when it does. */
  start(handlers: Readonly<Record<JobName, JobHandler>>): Promise<void>;
  /** Has the job run at the times of a cron expression, in UTC, once however many instances there are; null: not any more. */
  schedule(name: JobName, cron: string | null): Promise<void>;
  /** Has it run now, unless it waits or runs already, where the job is one of those that are alone. */
  send(name: JobName): Promise<void>;
  counts(): Promise<QueueCount[]>;
  /** Takes no more jobs, waits for those that run for `waitMs`, and lets go of what still runs: others run that again. */
  stop(waitMs: number): Promise<void>;
};

/** Somebody's transaction that has begun. */
export type Transaction = { query(text: string, values: unknown[]): Promise<{ rows: unknown[] }> };
export type NewJob = {
  readonly data: Readonly<Record<string, string>>;
  /** Of one group only some run at once, so that one that is slow does not take the places of all. */
  readonly group: string;
};
/** Puts jobs into the queue: they are there when the transaction has committed, and only then. */
export type Enqueue = (transaction: Transaction, name: JobName, jobs: readonly NewJob[]) => Promise<void>;
