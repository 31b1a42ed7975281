/**
 * The ingress's side of Redis (P16, P17). What requests ask or mark within one turn of the event loop goes out as one
 * command. Nothing is kept here between calls but the breaker's pause.
 *
 * I1 A quantity counts only beside its version: where one is missing, it is a miss.
 * I2 A token is taken after the miss and before the caller asks PostgreSQL, so that an owner's write in between, which
 *    takes the token away, is never overwritten by what PostgreSQL said before it.
 */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { limits } from "../../limits.ts";
import type { Stock } from "../../schemas/lines.ts";
import type { OrderDocument } from "../../schemas/order-document.ts";
import type { CachedStock, ReadCache, Refill } from "../read-cache.ts";
import { createTickBatch } from "../tick-batch.ts";
import { createBreaker } from "./breaker.ts";
import { orderKey, quantityKey, tokenKey, versionKey } from "./keys.ts";
import { loadScript, runScript } from "./script.ts";

const takeTokens = loadScript("./take-tokens.lua");
const refillStock = loadScript("./refill-stock.lua");
const markPending = loadScript("./mark-pending.lua");

/** Of up to 200 products each. */
const listsPerQuestion = 10;

type LaterMember = "fulfilment" | "driver";
type Mark = { readonly orderId: string; readonly json: string };
export type RedisReadCacheOptions = { readonly redis: Redis; readonly refillTokenTtlMs?: number };

export function createRedisReadCache(options: RedisReadCacheOptions): ReadCache {
  const { redis, refillTokenTtlMs = limits.refillTokenTtlMs } = options;
  const guarded = createBreaker(redis);
  const batchOf = <Item, Result>(run: (items: readonly Item[]) => Promise<readonly Result[]>) =>
    createTickBatch<Item, Result>(limits.cacheScriptEntriesMax, (items) => guarded(() => run(items)));

  const peek = async (productIds: readonly string[]): Promise<(Stock | null)[]> => {
    if (productIds.length === 0) return []; // MGET of nothing is an error.
    const values = await redis.mget(productIds.flatMap((id) => [quantityKey(id), versionKey(id)]));
    return productIds.map((_, index) => stockOf(values[index * 2], values[index * 2 + 1]));
  };
  /** A product that is on several lists is asked for once. */
  const peekLists = async (lists: readonly (readonly string[])[]): Promise<(Stock | null)[][]> => {
    const ids = [...new Set(lists.flat())];
    const found = new Map<string, Stock | null>();
    for (const [index, stock] of (await peek(ids)).entries()) found.set(ids[index] ?? "", stock);
    return lists.map((list) => list.map((id) => found.get(id) ?? null));
  };
  const readStocks = async (productIds: readonly string[]): Promise<CachedStock[]> => {
    const found = await peek(productIds);
    const missed = productIds.filter((_, index) => found[index] === null);
    const tokens = missed.length === 0 ? new Map<string, string>() : await takeTokensOf(missed);
    return found.map((stock, index) => {
      if (stock !== null) return { kind: "hit", stock };
      return { kind: "miss", token: tokens.get(productIds[index] ?? "") ?? null };
    });
  };
  const takeTokensOf = async (productIds: readonly string[]): Promise<Map<string, string>> => {
    const keys = productIds.flatMap((id) => [quantityKey(id), tokenKey(id)]);
    const token = randomUUID();
    const taken = await runScript(redis, takeTokens, keys, [refillTokenTtlMs, token]);
    if (!Array.isArray(taken)) throw new TypeError("the script must return an array");
    return new Map(productIds.filter((_, index) => taken[index] === 1).map((id) => [id, token]));
  };
  const refill = async (refills: readonly Refill[]): Promise<undefined[]> => {
    const keys = refills.flatMap(({ productId: id }) => [quantityKey(id), versionKey(id), tokenKey(id)]);
    const values = refills.flatMap(({ token, stock }) => [token, stock.quantity, stock.version]);
    const expiries = [limits.productQuantityTtlSeconds, limits.productVersionTtlSeconds];
    await runScript(redis, refillStock, keys, [...expiries, ...values]);
    return refills.map(() => undefined);
  };
  const readOrders = async (orderIds: readonly string[]): Promise<(OrderDocument | null)[]> => {
    const values = await redis.mget(orderIds.map(orderKey));
    return values.map((json) => (json === null ? null : orderOf(json)));
  };
  const mark = async (marks: readonly Mark[]): Promise<undefined[]> => {
    const keys = marks.map(({ orderId }) => orderKey(orderId));
    await runScript(redis, markPending, keys, [limits.orderTtlSeconds, ...marks.map(({ json }) => json)]);
    return marks.map(() => undefined);
  };

  const markOne = batchOf(mark);
  const askLists = createTickBatch<readonly string[], readonly (Stock | null)[]>(listsPerQuestion, (lists) =>
    guarded(() => peekLists(lists)),
  );
  return {
    readStock: batchOf(readStocks),
    peekStocks: askLists,
    refillStock: batchOf(refill),
    readOrder: batchOf(readOrders),
    markPending: (orderId, json) => markOne({ orderId, json }),
  };
}

/** Keeps I1. */
function stockOf(quantity: string | null | undefined, version: string | null | undefined) {
  if (typeof quantity !== "string" || typeof version !== "string") return null;
  const stock = { quantity: Number(quantity), version: Number(version) };
  return Number.isSafeInteger(stock.quantity) && Number.isSafeInteger(stock.version) ? stock : null;
}

/** Only Tallyman writes these keys; what isn't JSON counts as not there, and PostgreSQL is asked. */
function orderOf(json: string): OrderDocument | null {
  try {
    // What a version before has written says nothing of it.
    const order = JSON.parse(json) as Omit<OrderDocument, LaterMember> & Partial<Pick<OrderDocument, LaterMember>>;
    return { ...order, fulfilment: order.fulfilment ?? null, driver: order.driver ?? null };
  } catch {
    return null;
  }
}
