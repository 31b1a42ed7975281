/**
 * Units in stock as readers see them: Redis, else PostgreSQL, which then refills Redis (P16). A number read here may be a
 * moment old; nothing is decided by it.
 *
 * I1 One flight per product in this process, where it is asked for by itself: a product that everybody looks at costs one question.
 * I2 PostgreSQL is asked only after the miss, with its token, was seen: the order on which the refill's safety rests.
 */
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { Stock } from "../schemas/lines.ts";
import { CacheUnavailable } from "../stores/effects-cache.ts";
import type { OrderReads } from "../stores/order-reads.ts";
import type { CachedStock, ReadCache } from "../stores/read-cache.ts";
import { createTickBatch } from "../stores/tick-batch.ts";

/** A product whose first stock command is not decided yet. */
export const noStock: Stock = { quantity: 0, version: 0 };

/** Rejects with `StoreUnavailable` when neither knows. */
export type StockReader = (productId: string) => Promise<Stock>;

/** One for each id, in order. */
export type StocksReader = (productIds: readonly string[]) => Promise<readonly Stock[]>;

export type StockReaderOptions = {
  readonly cache: Pick<ReadCache, "readStock" | "peekStocks" | "refillStock">;
  readonly orders: Pick<OrderReads, "stock">;
  readonly metrics: Pick<Metrics, "cacheFailures">;
  readonly clock?: Pick<Clock, "soon">;
};

const unknownMiss: CachedStock = { kind: "miss", token: null };

export type StockReaders = { readonly readStock: StockReader; readonly readStocks: StocksReader };

export function createStockReaders(options: StockReaderOptions): StockReaders {
  const { cache, orders, metrics, clock = systemClock } = options;
  const flights = new Map<string, Promise<Stock>>();
  const ask = createTickBatch<string, Stock | null>(limits.lookupIdsMax, (ids) => orders.stock(ids), clock);
  const withoutCache = (error: unknown): CachedStock => {
    if (!(error instanceof CacheUnavailable)) throw error;
    metrics.cacheFailures.inc();
    return unknownMiss;
  };

  const read = async (productId: string): Promise<Stock> => {
    const cached = await cache.readStock(productId).catch(withoutCache);
    if (cached.kind === "hit") return cached.stock;
    const stock = (await ask(productId)) ?? noStock; // I2
    if (cached.token !== null) {
      // Nobody waits for the refill, and a failed one costs the next reader a question.
      cache.refillStock({ productId, token: cached.token, stock }).catch(() => metrics.cacheFailures.inc());
    }
    return stock;
  };

  const readStock = (productId: string): Promise<Stock> => {
    const flight = flights.get(productId) ?? read(productId).finally(() => flights.delete(productId));
    flights.set(productId, flight); // I1
    return flight;
  };
  // A page of fifty products costs one question, and most of the time that is all: fifty flights would cost more than the page.
  const readStocks: StocksReader = async (productIds) => {
    const [first, ...others] = productIds;
    if (first !== undefined && others.length === 0) return [await readStock(first)];
    const found = await cache.peekStocks(productIds).catch((error: unknown) => {
      withoutCache(error);
      return null;
    });
    if (found?.every((stock) => stock !== null) === true) return found;
    return Promise.all(productIds.map(async (id, index) => found?.[index] ?? (await readStock(id))));
  };
  return { readStock, readStocks };
}
