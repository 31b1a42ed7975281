import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type pg from "pg";
import type { LineStatus } from "../../src/schemas/lines.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import type { CatalogueStore, NewProduct } from "../../src/stores/catalogue-store.ts";
import type {
  FurtherFilter,
  LogPosition,
  OrderFilter,
  OrderReads,
  TimePosition,
} from "../../src/stores/order-reads.ts";
import { createPool } from "../../src/stores/postgres/pool.ts";
import { createPostgresCatalogueStore } from "../../src/stores/postgres/reads/catalogue-store.ts";
import { createPostgresOrderReads } from "../../src/stores/postgres/reads/order-reads.ts";
import { ordersByStatusSql } from "../../src/stores/postgres/reads/orders-by-status.ts";
import { ordersOfProductSql } from "../../src/stores/postgres/reads/orders-of-product.ts";
import { uuidOf } from "../support/commands.ts";
import { createTestDatabase } from "../support/databases.ts";
import type { TestDatabase } from "../support/databases.ts";

let database: TestDatabase;
let pool: pg.Pool;
let catalogue: CatalogueStore;
let orders: OrderReads;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, name: "api-reads", connectionsMax: 4, onIdleError: () => undefined });
  catalogue = createPostgresCatalogueStore(pool);
  orders = createPostgresOrderReads(pool);
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => pool.query("truncate ledger, stock, products, partitions"));

type Row = {
  id: number;
  partition?: number;
  offset?: number;
  decidedAt?: string;
  status?: LineStatus;
  type?: string;
  productId?: string;
  customerId?: string | null;
  basketId?: string | null;
  location?: object | null;
};

const time = (second: number, micros = "000000") => `2026-01-01T00:00:${String(second).padStart(2, "0")}.${micros}Z`;

async function insert(...rows: Row[]): Promise<void> {
  for (const row of rows) {
    const { id, partition = 0, offset = id, decidedAt = time(0), status = "accepted", type = "PlaceOrder" } = row;
    const { productId = "p1", customerId = null, basketId = null, location = null } = row;
    await pool.query(
      `insert into ledger (command_id, type, product_id, quantity, status, reason, delta, stock_after, version, "partition",
         "offset", unit_price_cents, currency, customer_id, basket_id, delivery_location, issued_at, decided_at)
       values ($1, $2, $3, 2, $4::text, case when $4::text = 'rejected' then 'insufficient_stock' end, -2, 8, 9007199254740991, $5,
         $6, 250, 'EUR', $7, $8, $9, '2026-01-01T00:00:00.123Z', $10)`,
      [uuidOf(id), type, productId, status, partition, offset, customerId, basketId, location, decidedAt],
    );
  }
}

const idsOf = (lines: readonly { commandId: string }[]) =>
  lines.map(({ commandId }) => parseInt(commandId.slice(-12), 16));

/** All pages, as a caller would read them. */
async function allPages<Position>(
  read: (after: Position | null) => Promise<{ lines: readonly { commandId: string }[]; next: Position | null }>,
): Promise<number[][]> {
  const pages: number[][] = [];
  let after: Position | null = null;
  do {
    const page: { lines: readonly { commandId: string }[]; next: Position | null } = await read(after);
    pages.push(idsOf(page.lines));
    after = page.next;
  } while (after !== null && pages.length < 100);
  return pages;
}

const chair: NewProduct = {
  id: "p1",
  name: "Chair",
  category: "furniture",
  priceCents: 1_250,
  currency: "EUR",
  description: "Straße",
  imageUrl: null,
  initialStock: 7,
  lowStockAt: null,
};

describe("the catalogue", () => {
  test("of many who add it at once, one adds it and all are told the same", async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => catalogue.create({ ...chair, name: `Chair ${n}` })),
    );
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(answers.map(({ product }) => product.name)).size).toBe(1);
  });
});

test("lines, stock and progress, each in the place of its id", async () => {
  await insert({
    id: 1,
    customerId: "c1",
    basketId: "b1",
    location: { latitude: 52.520008, longitude: -0.1, address: null },
  });
  await pool.query("insert into stock (product_id, quantity, version) values ('p1', 5, 9007199254740991)");
  await pool.query(
    "insert into partitions (partition, epoch, owner, next_offset) values (3, 1, 'x', 9007199254740991)",
  );
  const [absent, line] = await orders.lines([uuidOf(2), uuidOf(1)]);
  expect(absent).toBeNull();
  expect(line).toMatchObject({
    commandId: uuidOf(1),
    version: 9007199254740991,
    customerId: "c1",
    deliveryLocation: { latitude: 52.520008, longitude: -0.1, address: null },
    issuedAt: Date.parse("2026-01-01T00:00:00.123Z"),
    decidedAt: Date.parse(time(0)),
  });
  expect(await orders.stock(["p2", "p1"])).toEqual([null, { quantity: 5, version: 9007199254740991 }]);
  expect(await orders.progress()).toEqual(new Map([[3, 9007199254740991]]));
  expect(await Promise.all([orders.lines([]), orders.stock([]), catalogue.products([])])).toEqual([[], [], []]);
});

describe("listings by time", () => {
  const any = { basketId: null, productId: null, status: null };
  const pages = (filter: OrderFilter, limit: number) =>
    allPages<TimePosition>((after) => orders.list(filter, after, limit));

  test("newest first, each order once, also where many share a time or differ by a microsecond", async () => {
    await insert(
      ...[1, 2, 3, 4, 5].map((id) => ({ id, decidedAt: time(1), customerId: "c1" })),
      { id: 6, decidedAt: time(1, "000001"), customerId: "c1" },
      { id: 7, partition: 1, offset: 1, decidedAt: time(1), customerId: "c1" },
      { id: 8, decidedAt: time(0), customerId: "c1" },
      { id: 9, decidedAt: time(2), customerId: "c2" },
      { id: 10, decidedAt: time(2), type: "CancelOrder", customerId: "c1" },
    );
    const filter: OrderFilter = { by: "customer", customerId: "c1", also: any };
    expect(await pages(filter, 3)).toEqual([
      [6, 7, 5],
      [4, 3, 2],
      [1, 8],
    ]);
    expect(await pages(filter, 8)).toEqual([[6, 7, 5, 4, 3, 2, 1, 8]]);
    expect(await pages({ by: "product", productId: "p1" }, 4)).toEqual([[9, 6, 7, 5], [4, 3, 2, 1], [8]]);
    expect(await pages({ by: "product", productId: "p2" }, 4)).toEqual([[]]);
  });

  test("narrowed by what else is asked", async () => {
    await insert(
      { id: 1, customerId: "c1", basketId: "b1" },
      { id: 2, customerId: "c1", basketId: "b2", status: "rejected" },
      { id: 3, customerId: "c1", basketId: "b2", productId: "p2" },
      { id: 4, customerId: "c2", basketId: "b2" },
    );
    const customer = (also: Partial<FurtherFilter>) =>
      pages({ by: "customer", customerId: "c1", also: { ...any, ...also } }, 10);
    const basket = (also: Partial<FurtherFilter>) =>
      pages({ by: "basket", basketId: "b2", also: { ...any, ...also } }, 10);
    expect(await customer({})).toEqual([[3, 2, 1]]);
    expect(await customer({ basketId: "b2" })).toEqual([[3, 2]]);
    expect(await customer({ productId: "p2" })).toEqual([[3]]);
    expect(await customer({ status: "rejected" })).toEqual([[2]]);
    expect(await basket({})).toEqual([[4, 3, 2]]);
    expect(await basket({ productId: "p2" })).toEqual([[3]]);
    expect(await basket({ status: "accepted" })).toEqual([[4, 3]]);
  });
});

describe("listings by status", () => {
  const claim = (...offsets: number[]) =>
    Promise.all(
      offsets.map((next, partition) =>
        pool.query("insert into partitions (partition, epoch, owner, next_offset) values ($1, 1, 'x', $2)", [
          partition,
          next,
        ]),
      ),
    );

  test("merged over the partitions, each order once, whatever the page's size", async () => {
    const statuses: LineStatus[] = ["accepted", "rejected", "cancelled"];
    const rows = Array.from({ length: 90 }, (_, n) => ({
      id: n + 1,
      partition: n % 3,
      offset: Math.floor(n / 3),
      // Groups of seven share a commit, as groups over several partitions do.
      decidedAt: time(Math.floor(n / 7)),
      status: statuses[Math.floor(n / 5) % 3] ?? "accepted",
    }));
    await insert(...rows);
    await claim(30, 30, 30, 0);
    for (const status of statuses) {
      const expected = rows.filter((row) => row.status === status).map(({ id }) => id);
      for (const limit of [1, 4, 100]) {
        const found = await allPages<LogPosition>((after) => orders.listByStatus(status, after, limit));
        expect(found.slice(0, -1).every((page) => page.length === limit)).toBe(true);
        expect(found.flat().sort((one, other) => one - other)).toEqual(expected);
        const times = found.flat().map((id) => Math.floor((id - 1) / 7));
        expect(times).toEqual([...times].sort((one, other) => other - one));
      }
    }
  });

  test("a line whose decision is older than its neighbours' below it in the log is not lost", async () => {
    await insert(
      { id: 1, partition: 0, offset: 0, decidedAt: time(9), status: "cancelled" },
      { id: 2, partition: 0, offset: 1, decidedAt: time(1), status: "cancelled" },
      { id: 3, partition: 1, offset: 0, decidedAt: time(5), status: "cancelled" },
    );
    await claim(2, 1);
    const found = await allPages<LogPosition>((after) => orders.listByStatus("cancelled", after, 1));
    expect(found.flat().sort()).toEqual([1, 2, 3]);
  });

  test("orders decided after the first page do not come into the later ones", async () => {
    await insert({ id: 1, offset: 0 }, { id: 2, offset: 1 }, { id: 3, offset: 2 });
    await claim(3, 0);
    const first = await orders.listByStatus("accepted", null, 2);
    await insert({ id: 4, offset: 3, decidedAt: time(5) }, { id: 5, partition: 1, offset: 0, decidedAt: time(5) });
    expect(idsOf(first.lines)).toEqual([3, 2]);
    expect(idsOf((await orders.listByStatus("accepted", first.next, 2)).lines)).toEqual([1]);
  });
});

test("listings walk indexes: a big ledger is neither scanned nor sorted whole", async () => {
  await pool.query(
    `insert into ledger (command_id, type, product_id, quantity, status, delta, stock_after, version, "partition", "offset", issued_at, decided_at)
     select gen_random_uuid(), 'PlaceOrder', 'p' || n % 50, 1, case when n % 10 = 0 then 'rejected' else 'accepted' end, 0, 0, n,
       n % 4, n / 4, now(), timestamptz '2026-01-01' + n / 1000 * interval '1 second'
     from generate_series(1, 60000) n`,
  );
  await pool.query("analyze ledger");
  const plan = async (text: string, values: unknown[]) => {
    const { rows } = await pool.query<{ "QUERY PLAN": string }>(`explain (analyze, timing off) ${text}`, values);
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  };
  const offsets = [[0, 1, 2, 3], [1e6, 1e6, 1e6, 1e6], 51];
  const byStatus = { accepted: "ledger_log", rejected: "ledger_rejected" } as const;
  for (const [status, index] of [
    ["accepted", byStatus.accepted],
    ["rejected", byStatus.rejected],
  ] as const) {
    const text = await plan(ordersByStatusSql[status].text, offsets);
    expect(text).toContain(`using ${index}`);
    expect(text).not.toContain("Seq Scan");
  }
  const text = await plan(ordersOfProductSql.text, ["p7", 51, null, null, null]);
  expect(text).toContain("using ledger_product");
  expect(text).not.toMatch(/Seq Scan|Bitmap/);
});

test("a store that is away is told as such", async () => {
  const nowhere = createPool({
    url: "postgres://nobody@127.0.0.1:1/none",
    name: "nowhere",
    connectionsMax: 1,
    onIdleError: () => undefined,
  });
  await expect(createPostgresOrderReads(nowhere).progress()).rejects.toBeInstanceOf(StoreUnavailable);
  await expect(createPostgresCatalogueStore(nowhere).products(["p1"])).rejects.toBeInstanceOf(StoreUnavailable);
  await nowhere.end();
});

test("a store that hangs is given up at the deadline, and used again when it answers", async () => {
  const blocker = await pool.connect();
  try {
    await blocker.query("begin; lock table partitions in access exclusive mode");
    await expect(orders.progress()).rejects.toThrow("no answer");
  } finally {
    await blocker.query("rollback");
    blocker.release();
  }
  expect(await orders.progress()).toEqual(new Map());
});
