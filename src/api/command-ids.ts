/**
 * The ids of commands (P1). All but the ones made at random follow from what the caller said, so that saying it again
 * names the same command, whichever api instance is asked.
 */
import { randomFillSync } from "node:crypto";
import { v5, v7, validate } from "uuid";
import { tallymanNamespace } from "../schemas/command-namespace.ts";

/** There is no authentication yet: all callers are one. Whoever adds it passes the caller's name here. */
const anyCaller = "anyone";

/** What an Idempotency-Key was sent for; the same key for another operation or product is another command. */
export type KeyedOperation =
  | "place_order"
  | `batch_order:${number}`
  | `restock:${string}`
  | `count:${string}`
  | `archive:${string}`
  | `restore:${string}`
  | `step:${string}:${string}`;

const randomPool = Buffer.alloc(4096);
let randomAt = randomPool.length;

/** Sixteen random bytes; fetched many at a time, for a call into the operating system costs more than all the rest. */
function randomBytes(): Uint8Array {
  if (randomAt === randomPool.length) {
    randomFillSync(randomPool);
    randomAt = 0;
  }
  randomAt += 16;
  return randomPool.subarray(randomAt - 16, randomAt);
}

/** In the order of time, so that PostgreSQL's index of ids grows at its end: half the cost of random ones. */
export const newCommandId = (): string => v7({ random: randomBytes() });

export const initialStockId = (productId: string): string => v5(`initial:${productId}`, tallymanNamespace);

export const packId = (orderId: string): string => v5(`pack:${orderId}`, tallymanNamespace);

export const cancelId = (orderId: string): string => v5(`cancel:${orderId}`, tallymanNamespace);

/** The key comes last: it may hold any character. */
export const keyedId = (operation: KeyedOperation, key: string, caller = anyCaller): string =>
  v5(`key:${caller}:${operation}:${key}`, tallymanNamespace);

/** An order's id from its caller's key. A key that is a UUID is the id itself, so that both may be given, and mean one. */
export const keyedOrderId = (key: string): string => (validate(key) ? normalId(key) : keyedId("place_order", key));

/** One id has one spelling: PostgreSQL, Redis and memory compare text. */
export const normalId = (id: string): string => id.toLowerCase();
