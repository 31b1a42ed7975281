// Products that are low, on PostgreSQL: an alert for each crossing, whatever lies between two looks, and whoever looks.
import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import { createPostgresLowStockStore } from "../../src/stores/postgres/low-stock-store.ts";
import { createPool } from "../../src/stores/postgres/pool.ts";
import { lookAtStockSql } from "../../src/stores/postgres/statements/low-stock.ts";
import { createTestDatabase } from "../support/databases.ts";
import type { TestDatabase } from "../support/databases.ts";

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, name: "contract", connectionsMax: 5, onIdleError: () => undefined });
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

const store = () => createPostgresLowStockStore(pool);
const empty = () => pool.query("truncate products, stock, ledger, stock_watches, low_stock_alerts, webhooks cascade");

/** One commit: each step is a change of the quantity, or null for an order that was refused. `atMs` is when the server says it was. */
async function commit(productId: string, steps: readonly (number | null)[], atMs: number): Promise<void> {
  const { rows } = await pool.query<{ quantity: number; version: number }>(
    "select quantity, version from stock where product_id = $1",
    [productId],
  );
  let { quantity, version } = rows[0] ?? { quantity: 0, version: 0 };
  const lines = steps.map((step) => {
    if (step !== null) {
      quantity += step;
      version += 1;
    }
    return {
      type: step !== null && step > 0 ? "ReceiveStock" : "PlaceOrder",
      isRefused: step === null,
      delta: step ?? 0,
      quantity,
      version,
    };
  });
  await pool.query(
    `with lines as (
       insert into ledger (command_id, type, product_id, quantity, status, reason, delta, stock_after, version, "partition", "offset", issued_at, decided_at)
       select gen_random_uuid(), l.type, $1, 1, case when l."isRefused" then 'rejected' else 'accepted' end, case when l."isRefused" then 'insufficient_stock' end,
         l.delta, l.quantity, l.version, 0, 0, now(), to_timestamp($3::float8 / 1000)
       from jsonb_to_recordset($2::jsonb) as l(type text, "isRefused" boolean, delta int, quantity int, version int8))
     insert into stock (product_id, quantity, version) values ($1, $4, $5)
     on conflict (product_id) do update set quantity = excluded.quantity, version = excluded.version`,
    [productId, JSON.stringify(lines), atMs, quantity, version],
  );
}
const threshold = (productId: string, lowStockAt: number | null) =>
  pool.query(
    `insert into products (product_id, name, category, price_cents, currency, initial_stock, low_stock_at) values ($1, $1, 'c', 1, 'EUR', 0, $2)
     on conflict (product_id) do update set low_stock_at = excluded.low_stock_at`,
    [productId, lowStockAt],
  );
const raised = async (): Promise<string[]> => {
  const alerts = await store().alerts({}, null, 1_000);
  return alerts.map(({ productId, version, quantity }) => `${productId}@${version}: ${quantity}`).toSorted();
};
async function lookAll(watchesMax = 100, linesMax: number = limits.lookLinesMax): Promise<void> {
  let isLeft = false;
  for (let after = "", rounds = 0; rounds < 1_000; rounds++) {
    const { lookedUpTo, isMore } = await store().look(after, watchesMax, linesMax);
    isLeft ||= isMore;
    if (lookedUpTo === null && !isLeft) return;
    if (lookedUpTo === null) isLeft = false;
    after = lookedUpTo ?? "";
  }
  throw new Error("The looks have no end.");
}
let clockMs = Date.now();
const later = (ms = 1): number => (clockMs += ms);

describe("products that are low", () => {
  test("one alert for each crossing, also where it recovered before anybody looked; armed again above the threshold", async () => {
    await empty();
    await commit("p", [10], later());
    await threshold("p", 3);
    await lookAll();
    expect(await raised()).toEqual([]);
    await commit("p", [-6, -1, -1, 5, -4], later()); // 4 3 2 7 3
    await lookAll();
    expect(await raised()).toEqual(["p@3: 3", "p@6: 3"]);
    await commit("p", [-1, null, -1], later());
    await lookAll();
    await commit("p", [3], later());
    await lookAll();
    expect(await raised()).toHaveLength(2);
    await commit("p", [-1], later());
    await lookAll();
    expect(await raised()).toEqual(["p@10: 3", "p@3: 3", "p@6: 3"]);
    expect(await store().alerts({ productId: "p" }, null, 1)).toMatchObject([
      { productId: "p", lowStockAt: 3, quantity: 3, version: 10, acknowledgedAt: null, acknowledgedBy: null },
    ]);
  });

  test("a product that is low when its threshold is set, or changed, is an alert; without one it is none", async () => {
    await empty();
    await commit("p", [2], later());
    await commit("q", [2], later());
    await threshold("p", 3);
    await threshold("q", null);
    await lookAll();
    expect(await raised()).toEqual(["p@1: 2"]);
    // What was decided since counts, though nobody has looked yet.
    await threshold("q", 1);
    await commit("q", [-2, 2], later());
    await lookAll();
    expect(await raised()).toEqual(["p@1: 2", "q@2: 0"]);
    await threshold("q", null);
    await threshold("p", 2);
    await threshold("p", 2);
    await lookAll();
    expect(await raised()).toEqual(["p@1: 2", "p@1: 2", "q@2: 0"]);
    await threshold("p", 1);
    await lookAll();
    await threshold("p", null);
    await commit("p", [-2], later());
    await lookAll();
    expect(await raised()).toHaveLength(3);
    // One that no stock command has been decided of is nothing yet.
    await threshold("new", 5);
    await lookAll();
    await commit("new", [0], later());
    await lookAll();
    expect(await raised()).toContain("new@1: 0");
  });

  test("goes through the watches a page at a time, and through a product's lines", async () => {
    await empty();
    const ids = Array.from({ length: 7 }, (_, n) => `p${n}`);
    for (const id of ids) {
      await commit(id, [10], later());
      await threshold(id, 5);
    }
    await lookAll(3, 6);
    for (const id of ids) {
      await commit(id, [-6, 6], later());
      for (let n = 0; n < 6; n++) await commit(id, [null, null, null], later());
      await commit(id, [-6], later());
    }
    const first = await store().look("", 3, 6);
    expect(first).toMatchObject({ isMore: true, lookedUpTo: "p0" });
    await lookAll(3, 6);
    expect(await raised()).toEqual(ids.flatMap((id) => [`${id}@2: 4`, `${id}@4: 4`]));
  });

  test("finds the lines of a server whose clock was set back, and goes on where lines were taken away", async () => {
    await empty();
    await commit("p", [10], later());
    await threshold("p", 3);
    await lookAll();
    await commit("p", [-1], later());
    await lookAll();
    await commit("p", [-7, 7], later(-3_600_000));
    await lookAll();
    expect(await raised()).toEqual(["p@3: 2"]);
    await commit("p", [-8, 1], later());
    await pool.query("delete from ledger where version = 5");
    await lookAll();
    expect(await raised()).toEqual(["p@3: 2", "p@6: 2"]);
    await commit("p", [5, -5], later());
    await lookAll();
    expect(await raised()).toEqual(["p@3: 2", "p@6: 2", "p@8: 2"]);
  });

  test("an alert is acknowledged once, by whom came first", async () => {
    await empty();
    await commit("p", [2], later());
    await threshold("p", 3);
    await lookAll();
    const [alert] = await store().alerts({ acknowledged: false }, null, 10);
    const id = alert?.id ?? 0;
    const done = await store().acknowledge(id, "ada");
    expect(done).toMatchObject({ id, acknowledgedBy: "ada" });
    expect(await store().acknowledge(id, "bob")).toEqual(done);
    expect(await store().acknowledge(id + 1, null)).toBeNull();
    expect(await store().alerts({ acknowledged: false }, null, 10)).toEqual([]);
    expect(await store().alerts({ acknowledged: true }, null, 10)).toEqual([done]);
    expect(await store().alerts({}, id, 10)).toEqual([]);
  });
});

/** What a look does, without anything between two looks that could be missed: quantities one after another. */
class SimpleFold {
  readonly alerts: string[] = [];
  readonly #product: string;
  #lowStockAt: number | null = null;
  #isLow = false;
  #seen = 0;
  readonly #history: { quantity: number; version: number }[] = [];

  constructor(product: string) {
    this.#product = product;
  }

  threshold(lowStockAt: number | null): void {
    if (lowStockAt === this.#lowStockAt) return;
    this.#lowStockAt = lowStockAt;
    const last = this.#history.at(-1);
    this.#isLow = lowStockAt !== null && last !== undefined && last.quantity <= lowStockAt;
    if (this.#isLow) this.alerts.push(`${this.#product}@${last?.version}: ${last?.quantity}`);
    this.#seen = this.#history.length;
  }
  commit(steps: readonly (number | null)[]): void {
    for (const step of steps) {
      const { quantity, version } = this.#history.at(-1) ?? { quantity: 0, version: 0 };
      if (step !== null) this.#history.push({ quantity: quantity + step, version: version + 1 });
    }
  }
  look(): void {
    if (this.#lowStockAt === null) return;
    for (const { quantity, version } of this.#history.slice(this.#seen)) {
      const isLow = quantity <= this.#lowStockAt;
      if (isLow && !this.#isLow) this.alerts.push(`${this.#product}@${version}: ${quantity}`);
      this.#isLow = isLow;
    }
    this.#seen = this.#history.length;
  }
}

type Step =
  | {
      readonly kind: "commit";
      readonly product: string;
      readonly steps: readonly (number | null)[];
      readonly afterMs: number;
    }
  | { readonly kind: "threshold"; readonly product: string; readonly lowStockAt: number | null }
  | { readonly kind: "look" | "two looks" | "look that dies" };

const products = ["p", "q"] as const;
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      product: fc.constantFrom(...products),
      steps: fc.array(fc.option(fc.integer({ min: -4, max: 4 }), { freq: 5 }), { minLength: 1, maxLength: 4 }),
      afterMs: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(0, 1, 1_000) },
        { weight: 1, arbitrary: fc.constant(-120_000) },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("threshold" as const),
      product: fc.constantFrom(...products),
      lowStockAt: fc.option(fc.integer({ min: 0, max: 6 }), { freq: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("look" as const, "two looks" as const, "look that dies" as const) }),
  },
);

/** A worker that is gone before it could commit. */
async function lookAndDie(): Promise<void> {
  const client = await pool.connect();
  await client.query("begin");
  await client.query({ ...lookAtStockSql, values: ["", 10, 10] });
  client.release(true);
}

test("alerts are those of a simple fold, whatever is committed, looked at and killed in between", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      await empty();
      const folds = new Map(products.map((product) => [product as string, new SimpleFold(product)]));
      const quantities = new Map<string, number>();
      const look = () => folds.forEach((fold) => fold.look());
      for (const each of [...steps, { kind: "look" } as const]) {
        if (each.kind === "commit") {
          // Never below zero: what would be is refused.
          let quantity = quantities.get(each.product) ?? 0;
          const allowed = each.steps.map((change) => {
            if (change === null || quantity + change < 0) return null;
            quantity += change;
            return change;
          });
          if (quantities.get(each.product) === undefined && allowed[0] === null) allowed[0] = 0;
          quantities.set(each.product, quantity);
          await commit(each.product, allowed, later(each.afterMs));
          folds.get(each.product)?.commit(allowed);
        } else if (each.kind === "threshold") {
          await threshold(each.product, each.lowStockAt);
          folds.get(each.product)?.threshold(each.lowStockAt);
        } else if (each.kind === "look that dies") await lookAndDie();
        else {
          await (each.kind === "look" ? lookAll(1, 10) : Promise.all([lookAll(10, 10), lookAll(1, 10)]));
          look();
        }
      }
      // One of two looks at once may have left a watch to the other.
      expect(await raised()).toEqual([...folds.values()].flatMap(({ alerts }) => alerts).toSorted());
    }),
    { numRuns: Number(process.env.LOW_STOCK_RUNS ?? 60) },
  );
});
