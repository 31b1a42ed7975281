/** What is to be seen when the load is over: until all is decided, until Redis is equal, and what HTTP says then. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import pg from "pg";
import type { Evidence, FinalOrder, FinalProduct, Line, Progress, Stock } from "./auditor/evidence.ts";
import { now } from "./clock.ts";
import { readLines, readProgress } from "./watcher.ts";

const pollMs = 100;
const idsAtOnce = 1_000;

export async function withDatabase<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Resolves to when every partition had reached its end and none were being added; null after `limitMs`. */
export async function untilDecided(
  database: pg.Client,
  ends: readonly number[],
  limitMs: number,
): Promise<number | null> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const next = new Map((await readProgress(database)).map((row) => [row.partition, row.next_offset]));
    const isDecided = ends.every((end, partition) => (next.get(partition) ?? 0) >= end);
    if (isDecided && (await readGrowth(database)).to_count === null) return now();
    if (performance.now() > deadline) return null;
    await sleep(pollMs);
  }
}

type Growth = Evidence["growth"];

export async function readGrowth(database: pg.Client): Promise<Growth> {
  const { rows } = await database.query<Growth>("select partition_count, to_count from partition_map");
  return rows[0] ?? { partition_count: 0, to_count: null };
}

export type Stored = {
  readonly lines: readonly Line[];
  readonly stock: readonly Stock[];
  readonly progress: readonly Progress[];
  readonly deadLetters: number;
  readonly growth: Growth;
};

export async function readStored(database: pg.Client): Promise<Stored> {
  await database.query("begin isolation level repeatable read read only");
  const lines = await readLines(database);
  const stock = await database.query<Stock>(
    "select product_id, quantity, version::float8 as version, archived from stock",
  );
  const progress = await readProgress(database);
  const letters = await database.query<{ count: number }>("select count(*)::int as count from dead_letters");
  const growth = await readGrowth(database);
  await database.query("commit");
  return { growth, lines, stock: stock.rows, progress, deadLetters: letters.rows[0]?.count ?? 0 };
}

/** How long Redis stays different, in milliseconds, and what differs at last; null: for longer than `limitMs`. */
export async function untilRedisEqual(
  redis: Redis,
  stored: Stored,
  limitMs: number,
): Promise<{ afterMs: number | null; differences: string[] }> {
  const startedAt = performance.now();
  for (;;) {
    const differences = await differencesInRedis(redis, stored);
    const afterMs = performance.now() - startedAt;
    if (differences.length === 0) return { afterMs, differences };
    if (afterMs > limitMs) return { afterMs: null, differences };
    await sleep(pollMs);
  }
}

/** Absent is right, and so is the mark of a pending order: readers ask PostgreSQL whether there is more to tell. */
export async function differencesInRedis(
  redis: Redis,
  { lines, stock }: Pick<Stored, "lines" | "stock">,
): Promise<string[]> {
  const differences: string[] = [];
  for (const part of chunks(stock)) {
    const values = await redis.mget(part.map(({ product_id: id }) => `product:${id}:quantity`));
    for (const [index, { product_id: id, quantity }] of part.entries()) {
      const cached = values[index] ?? null;
      if (cached !== null && cached !== String(quantity))
        differences.push(`${id}: ${cached} in Redis, ${quantity} in PostgreSQL`);
    }
  }
  for (const part of chunks(lines.filter(({ type }) => type === "PlaceOrder"))) {
    const values = await redis.mget(part.map((line) => `order:${line.command_id}`));
    for (const [index, line] of part.entries()) {
      const cached = JSON.parse(values[index] ?? "null") as { status: string; version: number | null } | null;
      if (cached === null || cached.status === "pending") continue;
      if (cached.status !== line.status || cached.version !== line.version)
        differences.push(
          `order ${line.command_id}: ${cached.status}@${cached.version} in Redis, ${line.status}@${line.version} in PostgreSQL`,
        );
    }
  }
  return differences;
}

export async function readFinalOrders(url: string, ids: readonly string[]): Promise<FinalOrder[]> {
  const found: FinalOrder[] = [];
  for (const part of chunks(ids)) {
    const response = await fetch(`${url}/orders/lookup`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ids: part }),
    });
    if (response.status !== 200) continue; // What is not found is judged (C12).
    const { orders } = (await response.json()) as {
      orders: { orderId: string; status: string; version: number | null }[];
    };
    for (const { orderId, status, version } of orders) found.push({ id: orderId, status, version });
  }
  return found;
}

export function readFinalProducts(url: string, ids: readonly string[]): Promise<FinalProduct[]> {
  return Promise.all(
    ids.map(async (id) => {
      const response = await fetch(`${url}/products/${id}`);
      const { quantity, version } = (await response.json()) as { quantity: number; version: number };
      return { id, quantity, version };
    }),
  );
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += idsAtOnce) yield items.slice(from, from + idsAtOnce);
}
