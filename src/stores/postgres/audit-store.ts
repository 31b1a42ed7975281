/**
 * Reads for an audit. One session holds a repeatable read transaction, so that everything in a snapshot is of one moment, and
 * reads through cursors of the server; another one asks for what is now. While it runs, PostgreSQL keeps what it would vacuum.
 */
import pg from "pg";
import { limits } from "../../limits.ts";
import type { Line } from "../../schemas/lines.ts";
import { StoreUnfit } from "../audit-store.ts";
import type { AuditReads, AuditSnapshot, AuditStore, AuditedPartition } from "../audit-store.ts";
import type { Pages, ResumedLetter, ResumePlace, StockRow } from "../audit-store.ts";
import { StoreUnavailable, versionKey } from "../ledger-store.ts";
import { forgottenSql, keptByPlaceSql, overtakenSql, resumedByIdSql, unsentSql } from "./audit/kept-by-place.ts";
import { linesByOrderSql } from "./audit/lines-by-order.ts";
import { linesByIdSql, linesByPlaceSql, resumesOfSql } from "./audit/lines-by-place.ts";
import { catalogueSql, linesByProductSql, stockByProductSql } from "./audit/lines-by-product.ts";
import { auditedLinesSql, auditedPartitionsSql, auditedStockSql, linesOfVersionsSql } from "./audit/reads.ts";
import { viewDifferencesSql } from "./audit/view-differences.ts";
import { stepFaultsSql } from "./audit/step-faults.ts";
import { storedLine } from "./ledger-rows.ts";
import type { LedgerRow } from "./ledger-rows.ts";

type Queries = Pick<pg.Pool, "query">;
type VersionRow = { productId: string; version: number; stockAfter: number; partition: number; offset: number };

/** `pool` has at least two connections. Closing the store ends it. */
export function createPostgresAuditStore(pool: pg.Pool): AuditStore {
  return {
    atOneMoment: async (work) => {
      const client = await pool.connect().catch(rethrow);
      let broken: Error | undefined;
      try {
        await ask(client, "begin isolation level repeatable read, read only");
        await ask(client, "set local transaction_timeout = 0; set local work_mem = '64MB'");
        return await work(snapshotOf(client));
      } catch (error) {
        broken = error instanceof Error ? error : new Error(String(error));
        throw error;
      } finally {
        if (broken === undefined) await client.query("commit").catch((error: unknown) => (broken = error as Error));
        client.release(broken);
      }
    },
    now: readsOf(pool),
    close: () => pool.end(),
  };
}

function snapshotOf(client: Queries): AuditSnapshot {
  let cursors = 0;
  const pages = <Row extends pg.QueryResultRow>(sql: string): Pages<Row> => ({
    async *[Symbol.asyncIterator]() {
      const name = `audit_${(cursors += 1)}`;
      await ask(client, `declare ${name} no scroll cursor for ${sql}`);
      for (;;) {
        const rows = await ask<Row>(client, `fetch ${limits.auditPageRows} from ${name}`);
        if (rows.length > 0) yield rows;
        if (rows.length < limits.auditPageRows) break;
      }
      await ask(client, `close ${name}`);
    },
  });
  return {
    partitions: () => ask<AuditedPartition>(client, auditedPartitionsSql),
    linesByPlace: () => pages(linesByPlaceSql),
    keptByPlace: () => pages(keptByPlaceSql),
    resumedById: async (ids) => groupedById(await ask<ResumedLetter>(client, resumedByIdSql, [ids])),
    resumesOf: async (productIds) =>
      Map.groupBy(await ask<ResumePlace>(client, resumesOfSql, [productIds]), ({ productId }) => productId),
    forgotten: () => pages(forgottenSql),
    overtaken: () => pages(overtakenSql),
    unsent: () => pages(unsentSql),
    linesById: async (ids) => {
      const rows = await ask<Line>(client, linesByIdSql, [ids]);
      return new Map(rows.map((line) => [line.commandId, line]));
    },
    linesByProduct: () => pages(linesByProductSql),
    stockByProduct: () => pages(stockByProductSql),
    linesByOrder: () => pages(linesByOrderSql),
    stepFaults: () => pages(stepFaultsSql),
    catalogue: () => pages(catalogueSql),
    viewDifferences: () => pages(viewDifferencesSql),
  };
}

function groupedById(letters: readonly ResumedLetter[]): Map<string, ResumedLetter[]> {
  const groups = new Map<string, ResumedLetter[]>();
  for (const letter of letters) {
    if (letter.commandId !== null) groups.set(letter.commandId, [...(groups.get(letter.commandId) ?? []), letter]);
  }
  return groups;
}

function readsOf(pool: Queries): AuditReads {
  return {
    partitions: () => ask<AuditedPartition>(pool, auditedPartitionsSql),
    stock: async (productIds) => {
      const rows = await ask<StockRow>(pool, auditedStockSql, [productIds]);
      return new Map(rows.map(({ productId, quantity, version }) => [productId, { quantity, version }]));
    },
    linesOfVersions: async (versions) => {
      if (versions.length === 0) return new Map();
      const inputs = [versions.map(({ productId }) => productId), versions.map(({ version }) => version)];
      const rows = await ask<VersionRow>(pool, linesOfVersionsSql, inputs);
      return new Map(rows.map((row) => [versionKey(row.productId, row.version), row]));
    },
    lines: async (commandIds) => {
      const rows = await ask<LedgerRow>(pool, auditedLinesSql, [commandIds]);
      return new Map(rows.map((row) => [row.command_id, storedLine(row)]));
    },
  };
}

async function ask<Row extends pg.QueryResultRow>(to: Queries, text: string, values?: unknown[]): Promise<Row[]> {
  try {
    // pg passes the time limit of one query on, though its types don't say so.
    const query = { text, ...(values === undefined ? {} : { values }), query_timeout: limits.auditQueryTimeoutMs };
    return (await to.query<Row>(query)).rows;
  } catch (error) {
    return rethrow(error);
  }
}

/** 42P01 and 42703: no such table, no such column. */
function rethrow(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof pg.DatabaseError && (error.code === "42P01" || error.code === "42703")) {
    throw new StoreUnfit(`the database has not what this version of Tallyman reads: ${message}`, { cause: error });
  }
  throw new StoreUnavailable(`PostgreSQL did not answer as it should: ${message}`, { cause: error });
}
