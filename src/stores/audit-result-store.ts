/** The port to what audits in the background found. All methods reject with `StoreUnavailable` when the store is away. */
export type AuditResult = {
  /** Grows with each audit. */
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Null: it could not be finished. */
  readonly differences: number | null;
  /** Why it could not, for people. */
  readonly failedBecause: string | null;
  /** What was compared, and some of the differences; null: it could not be finished. */
  readonly report: object | null;
};

export type AuditResultStore = {
  /** Keeps the result, and tells webhooks of differences, both or neither. Returns its id. */
  add(result: Omit<AuditResult, "id" | "endedAt">): Promise<number>;
  /** Newest first, those older than `before` (null: from the newest). */
  list(before: number | null, limit: number): Promise<AuditResult[]>;
};
