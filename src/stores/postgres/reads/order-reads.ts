import type pg from "pg";
import type { LogPosition, OrderFilter, OrderReads, Page, TimePosition } from "../../order-reads.ts";
import { int4Array, int8Array, textArray, uuidArray } from "../binary-arrays.ts";
import { storedLine } from "../ledger-rows.ts";
import type { LedgerRow } from "../ledger-rows.ts";
import { linesSql } from "./lines.ts";
import { ordersByStatusSql } from "./orders-by-status.ts";
import { ordersOfBasketSql } from "./orders-of-basket.ts";
import { ordersOfCustomerSql } from "./orders-of-customer.ts";
import { ordersOfProductSql } from "./orders-of-product.ts";
import { progressSql } from "./progress.ts";
import { createQuery } from "./query.ts";
import type { Query, Statement } from "./query.ts";
import { stockSql } from "./stock.ts";

type StockRow = { product_id: string; quantity: number; version: number };
type ProgressRow = { partition: number; next_offset: number };
type TimedRow = LedgerRow & { decided_text: string };

/** `pool` stays the caller's; its int8 must come as numbers, as `createPool` has it. */
export function createPostgresOrderReads(pool: pg.Pool): OrderReads {
  const query = createQuery(pool);

  const progress = async (): Promise<ReadonlyMap<number, number>> => {
    const rows = await query<ProgressRow>(progressSql, []);
    return new Map(rows.map((row) => [row.partition, row.next_offset]));
  };

  return {
    progress,
    lines: async (commandIds) => {
      if (commandIds.length === 0) return [];
      const rows = await query<LedgerRow>(linesSql, [uuidArray(commandIds)]);
      const byId = new Map(rows.map((row) => [row.command_id, storedLine(row)]));
      return commandIds.map((id) => byId.get(id) ?? null);
    },
    stock: async (productIds) => {
      if (productIds.length === 0) return [];
      const rows = await query<StockRow>(stockSql, [textArray(productIds)]);
      const byId = new Map(rows.map(({ product_id, quantity, version }) => [product_id, { quantity, version }]));
      return productIds.map((id) => byId.get(id) ?? null);
    },
    list: (filter, after, limit) => listByTime(query, filter, after, limit),
    listByStatus: async (status, after, limit) => {
      // A first page stays below where each partition stood when it began, so that later pages meet no newer orders.
      const position = after ?? (await progress());
      const values = [int4Array([...position.keys()]), int8Array([...position.values()]), limit + 1];
      const rows = await query<LedgerRow>(ordersByStatusSql[status], values);
      return logPage(rows, position, limit);
    },
  };
}

async function listByTime(query: Query, filter: OrderFilter, after: TimePosition | null, limit: number) {
  const { statement, of, also } = byTime(filter);
  const position = [after?.decidedAt ?? null, after?.partition ?? null, after?.offset ?? null];
  const rows = await query<TimedRow>(statement, [of, limit + 1, ...position, ...also]);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const goesOn = rows.length > limit && last !== undefined;
  return {
    lines: page.map(storedLine),
    next: goesOn ? { decidedAt: last.decided_text, partition: last.partition, offset: last.offset } : null,
  };
}

type ByTime = { readonly statement: Statement; readonly of: string; readonly also: readonly (string | null)[] };

function byTime(filter: OrderFilter): ByTime {
  switch (filter.by) {
    case "customer": {
      const { basketId, productId, status } = filter.also;
      return { statement: ordersOfCustomerSql, of: filter.customerId, also: [basketId, productId, status] };
    }
    case "basket":
      return { statement: ordersOfBasketSql, of: filter.basketId, also: [filter.also.productId, filter.also.status] };
    case "product":
      return { statement: ordersOfProductSql, of: filter.productId, also: [] };
  }
}

/** The next page goes on below the last line of each partition, and where it was for those that gave none. */
function logPage(rows: readonly LedgerRow[], from: LogPosition, limit: number): Page<LogPosition> {
  const page = rows.slice(0, limit);
  if (rows.length <= limit) return { lines: page.map(storedLine), next: null };
  const next = new Map(from);
  for (const { partition, offset } of page) next.set(partition, offset);
  return { lines: page.map(storedLine), next };
}
