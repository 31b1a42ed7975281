// What PostgreSQL says: how far the log is decided, how long orders took, and whether the sums are right.
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { Failure } from "../../local/failure.ts";
import type { DecisionLatency, OrderCounts } from "../contenders/contender.ts";

export type Progress = { readonly decided: number; readonly effects: number };

/**
 * How many commands are decided, and of how many the effects are told. On a fresh topic every offset is one command, and a partition's
 * `next_offset` moves in the transaction that stores its rows: so this counts the rows without reading them.
 */
export async function readProgress(database: Client): Promise<Progress> {
  const { rows } = await database.query<Progress>(
    `select coalesce(sum(next_offset), 0)::float8 as decided, coalesce(sum(effects_offset), 0)::float8 as effects
     from partitions`,
  );
  return rows[0] ?? { decided: 0, effects: 0 };
}

type Until = { readonly pollMs: number; readonly limitMs: number; readonly signal: AbortSignal };

/** Asks until `enough` is content; resolves to that progress. The limit is on the time in which nothing moves. */
export async function untilProgress(
  database: Client,
  enough: (progress: Progress) => boolean,
  { pollMs, limitMs, signal }: Until,
): Promise<Progress> {
  let movedAt = performance.now();
  let last: Progress | undefined;
  for (;;) {
    const progress = await readProgress(database);
    if (enough(progress)) return progress;
    if (JSON.stringify(progress) !== JSON.stringify(last)) movedAt = performance.now();
    if (performance.now() - movedAt > limitMs) {
      throw new Failure(`Nothing is decided for ${limitMs / 1000} s; it stands at ${JSON.stringify(progress)}.`);
    }
    last = progress;
    await sleep(pollMs, undefined, { signal });
  }
}

/** Orders that came at `sinceMs` (by the clock of the api, milliseconds since 1970) or later. */
export async function countOrders(database: Client, sinceMs = 0): Promise<OrderCounts> {
  const { rows } = await database.query<OrderCounts>(
    `select count(*) filter (where status = 'accepted')::int4 as accepted,
            count(*) filter (where status = 'rejected')::int4 as rejected
     from ledger where type = 'PlaceOrder' and issued_at >= to_timestamp($1 / 1000.0)`,
    [sinceMs],
  );
  return rows[0] ?? { accepted: 0, rejected: 0 };
}

/**
 * Milliseconds to decided_at, which is PostgreSQL's clock as the deciding transaction begins: the commit itself is not in it. Orders of the
 * product `but` are left out.
 */
export async function orderToDecision(database: Client, sinceMs: number, but = ""): Promise<DecisionLatency> {
  const { rows } = await database.query<{ issued50: number; issued99: number; due50: number; due99: number }>(
    `select percentile_disc(0.5) within group (order by issued) as issued50,
            percentile_disc(0.99) within group (order by issued) as issued99,
            percentile_disc(0.5) within group (order by due) as due50,
            percentile_disc(0.99) within group (order by due) as due99
     from (select (extract(epoch from decided_at - issued_at) * 1000)::float8 as issued,
                  extract(epoch from decided_at)::float8 * 1000 - ${millisecondsOfId} as due
           from ledger where type = 'PlaceOrder' and issued_at >= to_timestamp($1 / 1000.0) and product_id <> $2) as times`,
    [sinceMs, but],
  );
  const { issued50 = 0, issued99 = 0, due50 = 0, due99 = 0 } = rows[0] ?? {};
  return { sinceIssued: { p50: issued50, p99: issued99 }, sinceDue: { p50: due50, p99: due99 } };
}

/** The first 48 bits of a UUIDv7. */
const millisecondsOfId = "('x' || translate(left(command_id::text, 13), '-', ''))::bit(48)::bigint";

/** What is wrong with the books, a sentence each; `acknowledged` is how many orders must have been decided. */
export async function audit(database: Client, acknowledged: number): Promise<string[]> {
  const problems: string[] = [];
  const { accepted, rejected } = await countOrders(database);
  if (accepted + rejected !== acknowledged) {
    problems.push(`${acknowledged} orders were acknowledged, but ${accepted} are accepted and ${rejected} rejected.`);
  }
  // For every product: received - accepted = quantity, and one version for each accepted command (P2).
  const { rows } = await database.query<{ product_id: string }>(
    `select coalesce(s.product_id, l.product_id) as product_id
     from stock s
     full join (select product_id, sum(delta) as quantity, count(*) filter (where status = 'accepted') as version
                from ledger group by product_id) l on l.product_id = s.product_id
     where (s.quantity, s.version) is distinct from (l.quantity::integer, l.version)`,
  );
  const wrong = rows.map((row) => row.product_id);
  if (wrong.length > 0) problems.push(`The ledger's sum is not the stock of ${wrong.length} products: ${wrong[0]} ...`);
  const letters = await database.query("select 1 from dead_letters limit 1");
  if (letters.rows.length > 0) problems.push("There are records that could not be decoded.");
  return problems;
}
