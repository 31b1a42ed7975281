import type pg from "pg";
import type { DeadLetterStore, ParkedProduct } from "../dead-letter-store.ts";
import { int4Array, int8Array, textArray, uuidArray } from "./binary-arrays.ts";
import { keptLetterOf, letterHeadOf } from "./letter-rows.ts";
import type { LetterHeadRow, LetterRow } from "./letter-rows.ts";
import { createQuery } from "./reads/query.ts";
import { letterAtSql, letterHeadsSql, markPublishedSql, parkedProductSql } from "./statements/letters.ts";
import { parkedSql, settleLetterSql, undecidedLettersSql, unpublishedSql } from "./statements/letters.ts";

type ParkedRow = { product_id: string; parked_because: string; parked_at: Date; waiting: number };

/** `pool` stays the caller's; its int8 must come as numbers, as `createPool` has it. */
export function createPostgresDeadLetterStore(pool: pg.Pool): DeadLetterStore {
  const query = createQuery(pool);
  return {
    unpublished: async (partitions, limit, bytesMax) => {
      if (partitions.length === 0) return [];
      const rows = await query<LetterRow>(unpublishedSql, [int4Array(partitions), limit, bytesMax]);
      return rows.map(keptLetterOf);
    },
    markPublished: async (letterIds) => {
      if (letterIds.length > 0) await query(markPublishedSql, [int8Array(letterIds)]);
    },
    undecided: async (commandIds) => {
      if (commandIds.length === 0) return [];
      const rows = await query<LetterRow>(undecidedLettersSql, [uuidArray(commandIds)]);
      const byId = new Map(rows.map((row) => [row.command_id, keptLetterOf(row)]));
      return commandIds.map((id) => byId.get(id) ?? null);
    },
    parked: async (limit) => {
      const rows = await query<ParkedRow>(parkedSql, [limit]);
      return rows.map(parkedOf);
    },
    parkedProduct: async (productId) => {
      const [row] = await query<ParkedRow>(parkedProductSql, [productId]);
      return row === undefined ? null : parkedOf(row);
    },
    at: async ({ partition, offset }) => {
      const [row] = await query<LetterRow>(letterAtSql, [partition, offset]);
      return row === undefined ? null : keptLetterOf(row);
    },
    list: async ({ kinds, reason, productId, partition, settled }, after, limit) => {
      const wanted = [kinds === undefined ? null : textArray(kinds), reason ?? null, productId ?? null];
      const rows = await query<LetterHeadRow>(letterHeadsSql, [
        ...[after, ...wanted],
        ...[partition ?? null, settled ?? false, limit],
      ]);
      return rows.map(letterHeadOf);
    },
    settle: async ({ partition, offset }, settlement) => {
      const { outcome } = settlement;
      const [redrivenAs, because] = outcome === "redriven" ? [settlement.redrivenAs, null] : [null, settlement.because];
      const rows = await query(settleLetterSql, [partition, offset, outcome, redrivenAs, because]);
      return rows.length > 0;
    },
  };
}

function parkedOf({ product_id, parked_because, parked_at, waiting }: ParkedRow): ParkedProduct {
  return { productId: product_id, because: parked_because, parkedAt: parked_at.getTime(), waiting };
}
