import { Redis } from "ioredis";
import type { Answer } from "./load.ts";

/** What a shop's stores say of one product, when nothing moves any more. */
export type Books = {
  /** Orders by what became of them, as those who sent them can know it. */
  readonly accepted: number;
  readonly refused: number;
  /** Units of the accepted orders that PostgreSQL has. */
  readonly sold: number;
  /** Units that are left as PostgreSQL says, and as Redis does; null: Redis has no number. */
  readonly left: number;
  readonly cached: number | null;
  /** What else is wrong with them, a sentence each. */
  readonly problems: readonly string[];
};

/** A shop that takes part. Both take `POST /orders` with `productId` and `quantity`, and answer with `orderId` and the decision. */
export type Contender = AsyncDisposable & {
  readonly url: string;
  /** Of every order. */
  readonly headers: Readonly<Record<string, string>>;
  /** Resolves when it is for sale. */
  addProduct(id: string, units: number): Promise<void>;
  /** Resolves when each order with one of these answers is decided and stored. Call it once for each load. */
  untilDecided(answers: readonly Answer[]): Promise<void>;
  /** Resolves when all that follows from what was decided is done, in PostgreSQL and in Redis. */
  untilAtRest(): Promise<void>;
  readBooks(productId: string, answers: readonly Answer[]): Promise<Books>;
};

/** Sends a product to a shop and throws when it is not taken. */
export async function postProduct(url: string, product: object, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${url}/products`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(product),
    signal,
  });
  const body = await response.text();
  if (response.status !== 201) throw new Error(`POST /products answers ${response.status}: ${body}`);
}

/** The number under a key of Redis; null where there is none. */
export async function readCached(redisUrl: string, key: string): Promise<number | null> {
  const redis = new Redis(redisUrl);
  try {
    const cached = await redis.get(key);
    return cached === null ? null : Number(cached);
  } finally {
    redis.disconnect();
  }
}
