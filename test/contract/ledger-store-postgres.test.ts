/** What only the ledger store in PostgreSQL can get wrong: its connections, its transactions and its binary arrays. */
import fc from "fast-check";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import type { Claim, GroupWrite, LedgerStore } from "../../src/stores/ledger-store.ts";
import * as arrays from "../../src/stores/postgres/binary-arrays.ts";
import { createPostgresLedgerStore } from "../../src/stores/postgres/ledger-store.ts";
import { commitGroupSql, commitGroupValues } from "../../src/stores/postgres/statements/commit-group.ts";
import { createPool } from "../../src/stores/postgres/pool.ts";
import { int32, issuedAtMs, storableText } from "../support/arbitraries.ts";
import { movementLine, orderLine, uuidOf } from "../support/commands.ts";
import { createTestDatabase } from "../support/databases.ts";
import type { TestDatabase } from "../support/databases.ts";
import { createAnswerCutter } from "./ledger-store-answer-cutter.ts";
import { createPostgresWorld, waitingForLock } from "./ledger-store-postgres-world.ts";
import { claimOne, expectRefused, group, step, storedStock } from "./ledger-store-world.ts";

let database: TestDatabase;
let world: Awaited<ReturnType<typeof createPostgresWorld>>;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  world = await createPostgresWorld(database.url);
});
afterEach(() => world[Symbol.asyncDispose]());

const delivery = (claim: Claim): GroupWrite =>
  group({
    advances: [step(claim, claim.nextOffset + 1)],
    stock: [{ productId: "p1", readVersion: 0, after: { quantity: 10, version: 1 } }],
    lines: [movementLine()],
  });
const both: [string, (store: LedgerStore, write: GroupWrite) => Promise<unknown>][] = [
  ["commit", (store, write) => store.commit(write)],
  [
    "commitLocked",
    (store, write) => store.commitLocked([0], { productIds: ["p1"], commandIds: [], versions: [] }, () => write),
  ],
];

/** Runs `during` while another session holds the partition's row, as one that commits to it would. */
async function holdingPartition(during: (client: pg.PoolClient) => Promise<void>): Promise<void> {
  const client = await world.pool.connect();
  try {
    await client.query("begin");
    await client.query("select 1 from partitions where partition = 0 for update");
    await during(client);
  } finally {
    await client.query("rollback");
    client.release();
  }
}

describe.each(both)("%s whose connection breaks", (_name, commit) => {
  test("in the middle: unavailable, nothing written, and the next one succeeds", async () => {
    const write = delivery(await claimOne(world.store));
    const before = await world.everything();
    await holdingPartition(async (client) => {
      const outcome = expect(commit(world.store, write)).rejects.toBeInstanceOf(StoreUnavailable);
      await client.query("select pg_terminate_backend($1)", [await waitingForLock(world.pool)]);
      await outcome;
    });
    expect(await world.everything()).toEqual(before);
    await commit(world.store, write);
  });

  test("after it was committed: unavailable, it is written, and the same again is fenced (P9)", async () => {
    await using cutter = await createAnswerCutter(database.url);
    const pool = createPool({ url: cutter.url, name: "contract", connectionsMax: 1, onIdleError: () => undefined });
    const store = createPostgresLedgerStore(pool);
    const write = delivery(await claimOne(store));
    cutter.cutNext();
    await expect(commit(store, write)).rejects.toBeInstanceOf(StoreUnavailable);
    expect(cutter.cuts()).toBe(1);
    expect(await world.store.readProgress([0])).toMatchObject([{ nextOffset: 1 }]);
    await expectRefused({ ...world, store }, "fenced", (on) => commit(on, write));
    await store.close();
  });
});

describe("a process of a version that knows neither archived products nor packed orders", () => {
  /** Its commit: the same call without the last argument. */
  const commitAsBefore = (write: GroupWrite) => {
    const text = commitGroupSql.text.replace(/, \$\d+::bool\[\]\)/, ")");
    expect(text).not.toBe(commitGroupSql.text);
    return world.ownPool.query(text, commitGroupValues(write).slice(0, -1));
  };
  const p1 = { productId: "p1", readVersion: 1 };

  test("sells as ever, and leaves what is archived as it is: its group is stale", async () => {
    const claim = await claimOne(world.store);
    await world.store.commit(delivery(claim));
    const at = (offset: number) => [step({ ...claim, nextOffset: offset }, offset + 1)];
    await commitAsBefore(group({ advances: at(1), stock: [{ ...p1, after: { quantity: 9, version: 2 } }] }));
    const archived = { quantity: 9, version: 3, archived: true } as const;
    await world.store.commit(group({ advances: at(2), stock: [{ ...p1, readVersion: 2, after: archived }] }));
    const sells = { ...p1, readVersion: 3, after: { quantity: 8, version: 4 } };
    const parks = { ...sells, wasParked: false, because: "no" };
    for (const write of [{ stock: [sells] }, { parked: [parks] }]) {
      const committing = commitAsBefore(group({ advances: at(3), ...write }));
      await expect(committing).rejects.toMatchObject({
        code: "TM003",
        message: expect.stringContaining("archived") as string,
      });
    }
    expect(await storedStock(world.store)).toEqual(archived);
  });

  test("can't cancel an order that is packed, nor can anybody", async () => {
    const claim = await claimOne(world.store);
    await world.store.commit(group({ advances: [step(claim, 1)], lines: [orderLine({ fulfilment: "packed" })] }));
    const cancelled = { readRevision: 1, line: orderLine({ status: "cancelled", revision: 2 }) };
    const cancels = group({ advances: [step({ ...claim, nextOffset: 1 }, 2)], changes: [cancelled] });
    await expect(commitAsBefore(cancels)).rejects.toMatchObject({
      code: "TM003",
      message: expect.stringContaining("packed") as string,
    });
    const both = { ...cancelled, line: { ...cancelled.line, fulfilment: "packed" as const } };
    await expect(world.store.commit({ ...cancels, changes: [both] })).rejects.toMatchObject({ code: "23514" });
  });
});

describe("the session of a commit (P3)", () => {
  test("a COMMIT that the server answers with ROLLBACK, without an error, is no commit", async () => {
    const write = delivery(await claimOne(world.store));
    const before = await world.everything();
    let client: pg.PoolClient | undefined;
    world.ownPool.on("acquire", (acquired) => (client = acquired));
    const committing = world.store.commitLocked([0], { productIds: ["p1"], commandIds: [], versions: [] }, () => {
      // Behind the group's own statement, and before COMMIT, comes one that fails and whose error nobody looks at.
      queueMicrotask(() => void client?.query("select 1 / 0").catch(() => undefined));
      return write;
    });
    await expect(committing).rejects.toThrow(StoreUnavailable);
    await expect(committing).rejects.toThrow("ended with ROLLBACK");
    expect(await world.everything()).toEqual(before);
    await world.store.commit(write);
  });

  test("commits are durable, transactions end in time, whatever the server's defaults", async () => {
    const { rows } = await world.ownPool.query<Record<string, string>>(
      "select current_setting('synchronous_commit') as durable, current_setting('transaction_timeout') as timeout",
    );
    expect(rows).toEqual([{ durable: "on", timeout: `${limits.commitTimeoutMs / 1000}s` }]);
  });

  test("a server that is not there is unavailable, for every method", async () => {
    const url = new URL(database.url);
    url.port = "1";
    const pool = createPool({ url: url.href, name: "contract", connectionsMax: 1, onIdleError: () => undefined });
    const store = createPostgresLedgerStore(pool);
    const claim: Claim = { partition: 0, epoch: 1, nextOffset: 0, effectsOffset: 0, decisionsOffset: 0, last: null };
    const calls = [
      store.claim([0], "owner"),
      store.claim([0], "owner", "free"),
      store.release([]),
      store.countFenced(new Map()),
      store.readProgress([0]),
      store.prefetch({ productIds: ["p1"], commandIds: [], versions: [] }),
      ...both.map(([, commit]) => commit(store, delivery(claim))),
      store.linesBetween(0, 0, 1, 1),
      store.linesById([uuidOf(1)]),
      store.saveEffectsOffset([]),
    ];
    for (const call of calls) await expect(call).rejects.toThrow(StoreUnavailable);
    await store.close();
  });

  test("a row that PostgreSQL does not take is an error of its own, and nothing is written (P7)", async () => {
    const claim = await claimOne(world.store);
    const before = await world.everything();
    for (const line of [orderLine({ customerId: "\0" }), movementLine({ reference: "\0" })]) {
      const committing = world.store.commit(group({ advances: [step(claim, 1)], lines: [line] }));
      await expect(committing).rejects.toMatchObject({ code: expect.stringMatching(/^22/) as string });
    }
    expect(await world.everything()).toEqual(before);
  });
});

describe("binary arrays come back from the server as they were", () => {
  const text = storableText(200);
  const elements: [string, fc.Arbitrary<unknown[]>, (values: never[]) => Buffer][] = [
    ["bool", fc.array(fc.boolean()), arrays.boolArray],
    ["int4", fc.array(int32), arrays.int4Array],
    ["int8", fc.array(fc.maxSafeInteger()), arrays.int8Array],
    ["text", fc.array(fc.option(text)), arrays.textArray],
    ["uuid", fc.array(fc.uuid()), arrays.uuidArray],
  ];
  test.each(elements)("%s", async (type, values, encode) => {
    await fc.assert(
      fc.asyncProperty(values, async (drawn) => {
        const { rows } = await world.pool.query<{ json: unknown }>(`select to_json($1::${type}[]) as json`, [
          encode(drawn as never[]),
        ]);
        expect(rows).toEqual([{ json: drawn }]);
      }),
    );
  });

  test("timestamptz", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(issuedAtMs), async (drawn) => {
        const { rows } = await world.pool.query<{ ms: string | null }>(
          "select string_agg((extract(epoch from t) * 1000)::bigint::text, ',' order by n) as ms from unnest($1::timestamptz[]) with ordinality as u(t, n)",
          [arrays.timestampArray(drawn)],
        );
        expect(rows).toEqual([{ ms: drawn.length === 0 ? null : drawn.join() }]);
      }),
    );
  });
});
