import type pg from "pg";
import type { AuditResult, AuditResultStore } from "../audit-result-store.ts";
import { createQuery } from "./reads/query.ts";
import { addAuditSql, auditsSql } from "./statements/audit-results.ts";

type AuditRow = {
  audit_id: number;
  started_at: Date;
  ended_at: Date;
  differences: number | null;
  failed_because: string | null;
  report: object | null;
};

/** `pool` stays the caller's; its int8 must come as numbers, as `createPool` has it. */
export function createPostgresAuditResultStore(pool: pg.Pool): AuditResultStore {
  const query = createQuery(pool);
  return {
    add: async ({ startedAt, differences, failedBecause, report }) => {
      const values = [startedAt, differences, failedBecause, report === null ? null : JSON.stringify(report)];
      const [row] = await query<{ audit_id: number }>(addAuditSql, values);
      if (row === undefined) throw new TypeError("the statement must return a row");
      return row.audit_id;
    },
    list: async (before, limit) => (await query<AuditRow>(auditsSql, [before, limit])).map(resultOf),
  };
}

const resultOf = (row: AuditRow): AuditResult => ({
  id: row.audit_id,
  startedAt: row.started_at.getTime(),
  endedAt: row.ended_at.getTime(),
  differences: row.differences,
  failedBecause: row.failed_because,
  report: row.report,
});
