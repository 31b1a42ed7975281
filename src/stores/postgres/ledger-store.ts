/**
 * The ledger store in PostgreSQL. A commit is one statement and one round trip: `commit_group` checks, writes and raises in
 * the server, and its implicit transaction ends with it. The locked retry is the one transaction of several statements.
 */
import type pg from "pg";
import type { Stock, StoredLine } from "../../schemas/lines.ts";
import { neverClaimed, StoreUnavailable, versionKey } from "../ledger-store.ts";
import type { Claim, GroupWrite, LedgerStore, Prefetch, Progress, Snapshot } from "../ledger-store.ts";
import { int4Array, int8Array, textArray, uuidArray } from "./binary-arrays.ts";
import { storeError } from "./errors.ts";
import { storedLine } from "./ledger-rows.ts";
import type { LedgerRow } from "./ledger-rows.ts";
import { letterOf } from "./letter-rows.ts";
import type { LetterRow } from "./letter-rows.ts";
import { awaitSql, claimFreeSql, claimSql } from "./statements/claim.ts";
import { commitGroupSql, commitGroupValues } from "./statements/commit-group.ts";
import * as prefetchSql from "./statements/prefetch.ts";
import { lockPartitionsSql, readProgressSql } from "./statements/read-progress.ts";
import { countFencedSql, releaseSql } from "./statements/release.ts";
import { saveDecisionsOffsetSql, saveEffectsOffsetSql } from "./statements/save-told-offset.ts";
import { waitingSql } from "./statements/waiting.ts";
import { transaction } from "./transaction.ts";

type ProgressRow = {
  partition: number;
  epoch: number;
  next_offset: number;
  effects_offset: number;
  decisions_offset: number;
  last_offset: number | null;
  last_checksum: number | null;
};
type StockRow = { product_id: string; quantity: number; version: number; archived: boolean; parked: boolean };
type VersionRow = { product_id: string; version: number; stock_after: number };

type FoundStock = Pick<Snapshot, "stock" | "parked">;

type Queryable = Pick<pg.ClientBase, "query">;

/** Takes over `pool`: `close` ends it. */
export function createPostgresLedgerStore(pool: pg.Pool): LedgerStore {
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw storeError(error);
    }
  };
  const lines = async (on: Queryable, sql: string, ids: readonly string[]): Promise<Map<string, StoredLine>> => {
    if (ids.length === 0) return new Map();
    const { rows } = await on.query<LedgerRow>(sql, [uuidArray(ids)]);
    return new Map(rows.map((row) => [row.command_id, storedLine(row)]));
  };
  const stock = async (on: Queryable, sql: string, ids: readonly string[]): Promise<FoundStock> => {
    const found = { stock: new Map<string, Stock>(), parked: new Set<string>() };
    if (ids.length === 0) return found;
    const { rows } = await on.query<StockRow>(sql, [textArray(ids)]);
    for (const { product_id: id, quantity, version, archived, parked } of rows) {
      if (version > 0) found.stock.set(id, archived ? { quantity, version, archived } : { quantity, version });
      if (parked) found.parked.add(id);
    }
    return found;
  };
  const versions = async (on: Queryable, wanted: Prefetch["versions"]): Promise<Map<string, number>> => {
    if (wanted.length === 0) return new Map();
    const { rows } = await on.query<VersionRow>(prefetchSql.stockAtVersionSql, [
      textArray(wanted.map(({ productId }) => productId)),
      int8Array(wanted.map(({ version }) => version)),
    ]);
    return new Map(rows.map((row) => [versionKey(row.product_id, row.version), row.stock_after]));
  };
  const commitOn = async (on: Queryable, group: GroupWrite) => {
    const { rows } = await on.query<{ decided_at: Date }>({ ...commitGroupSql, values: commitGroupValues(group) });
    const [row] = rows;
    if (row === undefined) throw new StoreUnavailable("the commit returned no row");
    return { decidedAt: row.decided_at.getTime() };
  };

  return {
    claim: (partitions, owner, which) =>
      guard(async () => {
        const sql = which === "free" ? claimFreeSql : claimSql;
        const { rows } = await pool.query<ProgressRow>(sql, [int4Array(partitions), owner]);
        if (rows.length < partitions.length) await pool.query(awaitSql, [int4Array(partitions), owner]);
        return rows.map(progressOf);
      }),

    release: (held) =>
      guard(async () => {
        await pool.query(releaseSql, [
          int4Array(held.map(({ partition }) => partition)),
          int8Array(held.map(({ epoch }) => epoch)),
          int8Array(held.map(({ effectsOffset }) => effectsOffset)),
          int8Array(held.map(({ decisionsOffset }) => decisionsOffset)),
        ]);
      }),

    countFenced: (commits) =>
      guard(async () => {
        await pool.query(countFencedSql, [int4Array([...commits.keys()]), int8Array([...commits.values()])]);
      }),

    readProgress: (partitions) =>
      guard(async () => {
        const { rows } = await pool.query<ProgressRow>(readProgressSql, [int4Array(partitions)]);
        return withUnclaimed(partitions, rows.map(progressOf));
      }),

    prefetch: (wanted) =>
      guard(async (): Promise<Snapshot> => {
        const [stockFound, linesFound, stockAtVersion] = await Promise.all([
          stock(pool, prefetchSql.stockSql, wanted.productIds),
          lines(pool, prefetchSql.linesByIdSql, wanted.commandIds),
          versions(pool, wanted.versions),
        ]);
        return { ...stockFound, lines: linesFound, stockAtVersion };
      }),

    waiting: (productId, limit) =>
      guard(async () => {
        const { rows } = await pool.query<LetterRow>(waitingSql, [productId, limit]);
        return rows.map(letterOf);
      }),

    commit: (group) => guard(() => commitOn(pool, group)),

    commitLocked: (partitions, wanted, decide) =>
      guard(() =>
        transaction(pool, async (client) => {
          await client.query(lockPartitionsSql, [int4Array(partitions.toSorted((a, b) => a - b))]);
          const stockFound = await stock(client, prefetchSql.stockLockedSql, wanted.productIds);
          const linesFound = await lines(client, prefetchSql.linesByIdLockedSql, wanted.commandIds);
          const stockAtVersion = await versions(client, wanted.versions);
          return commitOn(client, decide({ ...stockFound, lines: linesFound, stockAtVersion }));
        }),
      ),

    linesBetween: (partition, from, to, limit) =>
      guard(async () => {
        const { rows } = await pool.query<LedgerRow>(prefetchSql.linesBetweenSql, [partition, from, to, limit]);
        return rows.map(storedLine);
      }),

    linesById: (ids) => guard(() => lines(pool, prefetchSql.linesByIdSql, ids)),

    saveEffectsOffset: (offsets) => guard(() => saveTold(pool, saveEffectsOffsetSql, offsets, "effectsOffset")),

    saveDecisionsOffset: (offsets) => guard(() => saveTold(pool, saveDecisionsOffsetSql, offsets, "decisionsOffset")),

    close: () => pool.end(),
  };
}

async function saveTold<Name extends "effectsOffset" | "decisionsOffset">(
  pool: pg.Pool,
  sql: string,
  offsets: readonly Pick<Claim, "partition" | "epoch" | Name>[],
  name: Name,
): Promise<void> {
  await pool.query(sql, [
    int4Array(offsets.map(({ partition }) => partition)),
    int8Array(offsets.map(({ epoch }) => epoch)),
    int8Array(offsets.map((each) => each[name])),
  ]);
}

function progressOf(row: ProgressRow): Claim {
  return {
    partition: row.partition,
    epoch: row.epoch,
    nextOffset: row.next_offset,
    effectsOffset: row.effects_offset,
    decisionsOffset: row.decisions_offset,
    last:
      row.last_offset === null || row.last_checksum === null
        ? null
        : { offset: row.last_offset, checksum: row.last_checksum },
  };
}

function withUnclaimed(partitions: readonly number[], found: readonly Progress[]): Progress[] {
  const byPartition = new Map(found.map((progress) => [progress.partition, progress]));
  return partitions.map((partition) => byPartition.get(partition) ?? neverClaimed(partition));
}
