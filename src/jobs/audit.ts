/**
 * The job that audits: what `tallyman audit` does, beside a running system and gently, with its result as a row. One at a time, for the queue has it once. An audit that could not be finished is tried again; after the
 * last time, that is the result.
 */
import { audit } from "../audit/audit.ts";
import type { AuditDeps, AuditReport } from "../audit/audit.ts";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { JobHandler } from "../queue/queue.ts";
import type { AuditResultStore } from "../stores/audit-result-store.ts";
import { gently } from "./gently.ts";
import type { WorkerLog } from "./worker-log.ts";

export type AuditJobDeps = {
  /** Connects to what is audited; rejects when that is away. */
  readonly connect: () => Promise<{ readonly deps: AuditDeps; readonly close: () => Promise<void> }>;
  readonly results: Pick<AuditResultStore, "add">;
  readonly metrics: Pick<Metrics, "auditDifferences">;
  readonly clock: Pick<Clock, "now" | "monotonic" | "after">;
  readonly log: WorkerLog;
};

export function createAuditJob({ connect, results, metrics, clock, log }: AuditJobDeps): JobHandler {
  return async ({ signal, isLast }) => {
    const startedAt = clock.now();
    let report: AuditReport;
    try {
      const { deps, close } = await connect();
      try {
        const shownMax = limits.auditDifferencesShown;
        report = await audit(gentle(deps, clock), { atRest: false, shownMax, signal });
      } finally {
        await close();
      }
    } catch (error) {
      const failedBecause = error instanceof Error ? error.message : String(error);
      // What the worker's own stop cut short is begun anew elsewhere.
      if (isLast && !signal.aborted) await results.add({ startedAt, differences: null, failedBecause, report: null });
      throw error;
    }
    const { findings, ...rest } = report;
    const { total, differences: shown, counts } = findings;
    metrics.auditDifferences.set(total);
    const told = { shown, counts: Object.fromEntries(counts), ...rest };
    const id = await results.add({ startedAt, differences: total, failedBecause: null, report: told });
    if (total > 0) log.warn({ id, counts: told.counts }, `the audit found ${total} differences`);
    else log.info({ id }, "the audit found no differences");
  };
}

/** Where an audit reads much, it pauses. */
function gentle({ store, cache, reader, ...deps }: AuditDeps, clock: AuditJobDeps["clock"]): AuditDeps {
  return {
    ...deps,
    reader: { read: (wanted) => gently(reader.read(wanted), clock) },
    cache: {
      owners: () => cache.owners(),
      entries: () => gently(cache.entries(), clock),
      close: () => cache.close(),
    },
    store: {
      now: store.now,
      close: () => store.close(),
      atOneMoment: (work) =>
        store.atOneMoment((snapshot) =>
          work({
            ...snapshot,
            linesByPlace: () => gently(snapshot.linesByPlace(), clock),
            linesByProduct: () => gently(snapshot.linesByProduct(), clock),
            linesByOrder: () => gently(snapshot.linesByOrder(), clock),
            stockByProduct: () => gently(snapshot.stockByProduct(), clock),
            catalogue: () => gently(snapshot.catalogue(), clock),
          }),
        ),
    },
  };
}
