/**
 * Orders, cancels, deliveries and stocktakes over HTTP, in every order, from several clients at once, with ids and keys
 * used again: what one api and one processor answered must be explained by one order of decisions (`http-judge.ts`). The
 * scripts follow from the seed; how they interleave does not, so that a replay may have to be repeated.
 */
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freshNames, play, scripts } from "../support/http-calls.ts";
import type { AnswerBody, Call, Exchange, Names } from "../support/http-calls.ts";
import { judge } from "../support/http-judge.ts";
import type { Afterwards, LedgerRow } from "../support/http-judge.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";

const runsByDefault = 30;
const runs = Number(process.env.HTTP_PROPERTY_RUNS ?? runsByDefault);
const readLimitMs = 10_000;

let tallyman: Tallyman;
let api: Role;
let database: pg.Client;

beforeAll(async () => {
  tallyman = await createTallyman();
  [api] = await Promise.all([tallyman.startApi(), tallyman.startProcessor()]);
  database = new pg.Client({ connectionString: tallyman.databaseUrl });
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await tallyman[Symbol.asyncDispose]();
});

async function linesOf({ products }: Names): Promise<LedgerRow[]> {
  const { rows } = await database.query<LedgerRow>(
    `select command_id, type, product_id, order_id, quantity, as_of_version::int4, status, reason, delta, stock_after,
            version::int4, "offset"::int4, unit_price_cents
     from ledger where product_id = any($1)`,
    [products],
  );
  return rows;
}

async function read(path: string): Promise<AnswerBody | undefined> {
  const response = await fetch(`${api.url}${path}`);
  const body = (await response.json()) as AnswerBody;
  if (response.status !== 200 && response.status !== 404) throw new Error(`${path}: ${JSON.stringify(body)}`);
  return response.status === 200 ? body : undefined;
}

async function readAfterwards({ products, orders }: Names): Promise<Afterwards> {
  const all = async (ids: readonly string[], path: string) =>
    new Map(await Promise.all(ids.map(async (id) => [id, await read(`${path}/${id}`)] as const)));
  return { products: await all(products, "/products"), orders: await all(orders, "/orders") };
}

/** Judges once Redis has been told of the last decision: what is read afterwards may be a moment old until then. */
async function verdict(names: Names, history: readonly Exchange[]): Promise<string[]> {
  for (const deadline = performance.now() + readLimitMs; ;) {
    const complaints = judge(names, history, await linesOf(names), await readAfterwards(names));
    const onlyReads = complaints.every((complaint) => complaint.startsWith("J6"));
    if (complaints.length === 0 || !onlyReads || performance.now() > deadline) return complaints;
    await sleep(50);
  }
}

describe("commands over HTTP, from several clients at once", () => {
  it("are answered as one order of decisions explains", { timeout: 120_000 + runs * 5_000 }, async () => {
    const told = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(scripts, async (clients: Call[][]) => {
        const names = freshNames();
        const history = await play(api.url, names, clients);
        for (const { call, status, body } of history) {
          const what = `${call.kind} ${status} ${body.code ?? ""}`.trimEnd();
          told.set(what, (told.get(what) ?? 0) + 1);
        }
        expect(await verdict(names, history)).toEqual([]);
      }),
      // What failed is told as it was: a smaller script may interleave otherwise, and pass.
      { numRuns: runs, endOnFailure: true },
    );
    // A script that never meets these would say nothing about them.
    const wanted = {
      place: ["201", "409 insufficient_stock", "409 cancelled_before_placed", "422 order_id_reused"],
      cancel: ["200", "409 order_rejected", "409 product_mismatch"],
      restock: ["200"],
      count: ["200", "409 unknown_version", "422 idempotency_key_reused"],
      create: ["201", "409 product_exists"],
    };
    const answers = Object.entries(wanted).flatMap(([kind, each]) => each.map((answer) => `${kind} ${answer}`));
    if (runs >= runsByDefault) expect(answers.filter((answer) => !told.has(answer))).toEqual([]);
  });
});
