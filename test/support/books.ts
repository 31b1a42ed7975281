/** The judge: looks at PostgreSQL and Redis from outside, at rest, and says what is wrong with the books, a sentence each. */
import type { Redis } from "ioredis";
import { onServer } from "./databases.ts";
import type { PlacedOrder } from "./order-load.ts";

type Line = {
  readonly command_id: string;
  readonly type: string;
  readonly product_id: string;
  readonly status: string;
  readonly delta: number;
  readonly stock_after: number;
  readonly version: number;
};
type StockRow = { readonly product_id: string; readonly quantity: number; readonly version: number };

export type Books = { readonly lines: readonly Line[]; readonly stock: readonly StockRow[] };

export function readBooks(databaseUrl: string): Promise<Books> {
  return onServer(databaseUrl, async (client) => {
    const lines = await client.query<Line>(
      "select command_id, type, product_id, status, delta, stock_after, version::int4 from ledger order by product_id, version, command_id",
    );
    const stock = await client.query<StockRow>("select product_id, quantity, version::int4 from stock");
    return { lines: lines.rows, stock: stock.rows };
  });
}

/** Resolves when every acknowledged order has a line; rejects after `limitMs`, naming how many lack one. */
export async function untilAllDecided(
  databaseUrl: string,
  orders: readonly PlacedOrder[],
  limitMs: number,
): Promise<void> {
  const acknowledged = orders.filter((order) => order.acknowledged !== undefined);
  const deadline = performance.now() + limitMs;
  for (;;) {
    const { lines } = await readBooks(databaseUrl);
    const decided = new Set(lines.map((line) => line.command_id));
    const missing = acknowledged.filter(({ orderId }) => !decided.has(orderId));
    if (missing.length === 0) return;
    if (performance.now() > deadline) {
      throw new Error(
        `${missing.length} of ${acknowledged.length} acknowledged orders are not decided: ${missing[0]?.orderId}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What the ledger and the stock get wrong; empty when all is right. */
export function wrongInBooks({ lines, stock }: Books, orders: readonly PlacedOrder[]): string[] {
  const wrong: string[] = [];
  const byId = new Map<string, Line[]>();
  for (const line of lines) byId.set(line.command_id, [...(byId.get(line.command_id) ?? []), line]);

  for (const { orderId, productId, quantity, acknowledged } of orders) {
    if (acknowledged === undefined) continue;
    const rows = byId.get(orderId) ?? [];
    const [row] = rows;
    if (rows.length !== 1 || row === undefined) {
      wrong.push(`order ${orderId}, answered ${acknowledged}, has ${rows.length} rows`);
      continue;
    }
    const isAccepted = row.status === "accepted";
    if (row.product_id !== productId) wrong.push(`order ${orderId} is of ${row.product_id}, and was of ${productId}`);
    if (row.delta !== (isAccepted ? -quantity : 0)) wrong.push(`order ${orderId}, ${row.status}, took ${-row.delta}`);
    if (acknowledged === 201 && !isAccepted) wrong.push(`order ${orderId} was told accepted, and is ${row.status}`);
    if (acknowledged === 409 && isAccepted) wrong.push(`order ${orderId} was told refused, and is accepted`);
  }

  const last = new Map<string, { quantity: number; version: number }>();
  // Each version of a product is one accepted command, and the stock after it the stock before it and its delta (P2).
  for (const line of lines) {
    if (line.status !== "accepted") continue;
    const before = last.get(line.product_id) ?? { quantity: 0, version: 0 };
    const quantity = before.quantity + line.delta;
    if (line.version !== before.version + 1)
      wrong.push(`${line.product_id}: version ${line.version} follows ${before.version}`);
    if (line.stock_after !== quantity || quantity < 0)
      wrong.push(`${line.product_id}@${line.version}: ${line.stock_after} after ${before.quantity} and ${line.delta}`);
    last.set(line.product_id, { quantity: line.stock_after, version: line.version });
  }
  for (const { product_id: id, quantity, version } of stock) {
    const sum = last.get(id);
    if (sum?.quantity !== quantity || sum.version !== version)
      wrong.push(`${id}: ${quantity}@${version} in stock, ${sum?.quantity}@${sum?.version} by the ledger`);
  }
  return wrong;
}

/** Quantities in Redis that are neither absent nor what PostgreSQL has. */
export async function wrongInRedis(redis: Redis, { stock }: Books): Promise<string[]> {
  if (stock.length === 0) return [];
  const cached = await redis.mget(stock.map(({ product_id: id }) => `product:${id}:quantity`));
  return stock.flatMap(({ product_id: id, quantity }, index) => {
    const value = cached[index] ?? null;
    return value === null || value === String(quantity) ? [] : [`${id}: ${value} in Redis, ${quantity} in PostgreSQL`];
  });
}
