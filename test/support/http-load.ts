/**
 * Orders at a constant rate, each remembered with the time of its acknowledgement, so that afterwards the ledger can be
 * asked what became of every one of them, and how long it took. The same for tests and for `bench/restart.ts`.
 *
 * I1 An order leaves when it is due, whatever became of those before it: a system that stands still is not spared. Only
 *    while an api is away, and `openMax` orders are, no new ones are begun: a storm of repeats would be measured instead.
 * I2 An order that is not acknowledged is sent again under the same id, as a producer does, until the load is over.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { partitionOf } from "../../src/partitioning/partition-of.ts";

/** `ackedAt` in milliseconds since 1970, of the clock that PostgreSQL has too: everything runs on one machine. */
export type AckedOrder = { readonly orderId: string; readonly productId: string; readonly ackedAt: number };

export type SteadyLoad = {
  /** Grows as answers come. */
  readonly acked: readonly AckedOrder[];
  /** Answers other than 202, and failed requests, by what they were; their orders were sent again. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Sends no new orders, and resolves when each one that was begun is acknowledged. Rejects when that takes too long. */
  stop(): Promise<void>;
};

export type SteadyLoadOptions = {
  /** Of the api, asked before each request. */
  readonly url: () => string;
  readonly productIds: readonly string[];
  readonly perSecond: number;
};

const tickMs = 10;
const againMs = 500;
const openMax = 1_000;
const stopLimitMs = 30_000;
const requestLimitMs = 15_000;

export function startSteadyLoad({ url, productIds, perSecond }: SteadyLoadOptions): SteadyLoad {
  const acked: AckedOrder[] = [];
  const refusals = new Map<string, number>();
  const open = new Set<Promise<void>>();
  let givingUp = false;

  const send = async (productId: string): Promise<void> => {
    const order = { orderId: randomUUID(), productId, quantity: 1 };
    while (!givingUp) {
      const answer = await postOnce(`${url()}/orders`, order);
      if (answer === "202") {
        acked.push({ orderId: order.orderId, productId, ackedAt: Date.now() });
        return;
      }
      refusals.set(answer, (refusals.get(answer) ?? 0) + 1);
      await sleep(againMs);
    }
  };

  const startedAt = performance.now();
  let begun = 0;
  const ticking = setInterval(() => {
    for (const due = ((performance.now() - startedAt) / 1000) * perSecond; begun < due; begun += 1) {
      if (open.size >= openMax) continue;
      const one = send(productIds[begun % productIds.length] ?? "").finally(() => open.delete(one)); // I1
      open.add(one);
    }
  }, tickMs);

  return {
    acked,
    refusals,
    stop: async () => {
      clearInterval(ticking);
      const late = setTimeout(() => (givingUp = true), stopLimitMs);
      await Promise.all(open);
      clearTimeout(late);
      if (givingUp)
        throw new Error(`orders stay unacknowledged after ${stopLimitMs} ms: ${JSON.stringify([...refusals])}`);
    },
  };
}

/** The answer's status, or why there was none. */
async function postOnce(url: string, body: object): Promise<string> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(requestLimitMs),
    });
    await response.text();
    return String(response.status);
  } catch (error) {
    return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  }
}

/** As many products of each partition, so that none goes unwatched. */
export function productsOfEveryPartition(partitionCount: number, perPartition: number): string[] {
  const counts = new Array<number>(partitionCount).fill(0);
  const productIds: string[] = [];
  for (let n = 0; productIds.length < partitionCount * perPartition; n += 1) {
    const productId = `steady-${n}`;
    const partition = partitionOf(productId, partitionCount);
    if ((counts[partition] ?? 0) >= perPartition) continue;
    counts[partition] = (counts[partition] ?? 0) + 1;
    productIds.push(productId);
  }
  return productIds;
}

/** Creates them, each with a million units. Throws when one is refused. */
export async function createStockedProducts(url: string, productIds: readonly string[]): Promise<void> {
  for (const id of productIds) {
    const response = await fetch(`${url}/products`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id, name: id, category: "steady", priceCents: 100, initialStock: 1_000_000 }),
    });
    const text = await response.text();
    if (response.status !== 201) throw new Error(`POST /products answers ${response.status}: ${text}`);
  }
}

/** Milliseconds from the acknowledgement to `decided_at`, which is when the transaction that decides it begins. */
export type DecidedOrder = AckedOrder & { readonly waitMs: number };

export type Outcome = {
  readonly decided: readonly DecidedOrder[];
  /** Acknowledged, and not in the ledger. */
  readonly lost: readonly AckedOrder[];
  /** Orders in the ledger that nobody has had acknowledged. */
  readonly strangers: number;
};

/** Compares what was acknowledged with the ledger, which knows an order id once at most: that is its key. */
export async function outcomeOf(database: Client, acked: readonly AckedOrder[]): Promise<Outcome> {
  const { rows } = await database.query<{ id: string; at: number }>(
    `select command_id as id, (extract(epoch from decided_at) * 1000)::float8 as at from ledger where type = 'PlaceOrder'`,
  );
  const decidedAt = new Map(rows.map(({ id, at }) => [id, at]));
  const decided: DecidedOrder[] = [];
  const lost: AckedOrder[] = [];
  for (const order of acked) {
    const at = decidedAt.get(order.orderId);
    if (at === undefined) lost.push(order);
    else decided.push({ ...order, waitMs: at - order.ackedAt });
  }
  return { decided, lost, strangers: rows.length - decided.length };
}

/** The longest wait of each product. */
export function longestWaits(decided: readonly DecidedOrder[]): Map<string, number> {
  const longest = new Map<string, number>();
  for (const { productId, waitMs } of decided) {
    longest.set(productId, Math.max(longest.get(productId) ?? 0, waitMs));
  }
  return longest;
}

/** Resolves to the outcome once nothing that was acknowledged lacks, or as it is after `limitMs`. */
export async function untilAllDecided(
  database: Client,
  acked: readonly AckedOrder[],
  limitMs: number,
): Promise<Outcome> {
  for (const deadline = performance.now() + limitMs; ;) {
    const outcome = await outcomeOf(database, acked);
    if (outcome.lost.length === 0 || performance.now() > deadline) return outcome;
    await sleep(100);
  }
}

/** Products whose ledger does not add up to their stock, or whose versions have a gap. */
export async function wrongBooks(database: Client): Promise<string[]> {
  const { rows } = await database.query<{ product_id: string }>(
    `select coalesce(s.product_id, l.product_id) as product_id
     from stock s
     full join (select product_id, sum(delta) as quantity, count(*) filter (where status = 'accepted') as version,
                       count(distinct version) filter (where status = 'accepted') as versions
                from ledger group by product_id) l on l.product_id = s.product_id
     where (s.quantity, s.version, s.version) is distinct from (l.quantity::integer, l.version, l.versions)`,
  );
  return rows.map((row) => row.product_id);
}
