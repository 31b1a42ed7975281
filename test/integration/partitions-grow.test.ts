/**
 * Partitions are added while orders flow, on the real services: two apis, two processors, callers who wait for each
 * acknowledgement of their product, and a command that is killed in the middle. Nothing is lost, and each product's orders are
 * decided in the order in which they were acknowledged.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { createStockedProducts, productsOfEveryPartition, untilAllDecided, wrongBooks } from "../support/http-load.ts";
import type { AckedOrder } from "../support/http-load.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";

const commandLine = fileURLToPath(new URL("../../src/tallyman.ts", import.meta.url));
const [from, to] = [4, 8];
/** Of each new partition as many as of each old one: half of the products move. */
const productIds = productsOfEveryPartition(to, 3);
const isMoving = (id: string): boolean => partitionOf(id, from) !== partitionOf(id, to);

let tallyman: Tallyman;
let database: pg.Client;
let apis: Role[];

beforeAll(async () => {
  tallyman = await createTallyman({ environment: { ORDERS_PARTITIONS: String(from) } });
  apis = await Promise.all([tallyman.startApi(), tallyman.startApi()]);
  await Promise.all([tallyman.startProcessor(), tallyman.startProcessor()]);
  database = new pg.Client({ connectionString: tallyman.databaseUrl });
  await database.connect();
  await createStockedProducts(apis[0]?.url ?? "", productIds);
});
afterAll(async () => {
  await database.end();
  await tallyman[Symbol.asyncDispose]();
});

type Caller = { readonly acked: AckedOrder[]; readonly waits: number[]; readonly codes: Map<string, number> };

/** One caller a product: it waits for each acknowledgement, and sends again, to another api, what was not acknowledged. */
function startCallers(): { readonly callers: ReadonlyMap<string, Caller>; readonly stop: () => Promise<void> } {
  const callers = new Map(productIds.map((id): [string, Caller] => [id, { acked: [], waits: [], codes: new Map() }]));
  let isLast = false;
  const call = async (productId: string, { acked, waits, codes }: Caller): Promise<void> => {
    for (let tries = 0; !isLast;) {
      const orderId = randomUUID();
      const beganAt = performance.now();
      for (;;) {
        const answer = await fetch(`${apis[tries++ % apis.length]?.url ?? ""}/orders`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ orderId, productId, quantity: 1 }),
        });
        const { code } = (await answer.json()) as { code?: string };
        if (answer.status === 202) break;
        expect([answer.status, code === "product_moving" || code === "log_unavailable"]).toEqual([503, true]);
        codes.set(code ?? "", (codes.get(code ?? "") ?? 0) + 1);
        await sleep(100);
      }
      acked.push({ orderId, productId, ackedAt: Date.now() });
      waits.push(performance.now() - beganAt);
      await sleep(10);
    }
  };
  const all = Promise.all([...callers].map(([id, caller]) => call(id, caller)));
  return {
    callers,
    stop: async () => {
      isLast = true;
      await all;
    },
  };
}

const mapNow = async (): Promise<{ phase: string; partition_count: number; version: string }> => {
  const { rows } = await database.query<{ phase: string; partition_count: number; version: string }>(
    "select phase, partition_count, version from partition_map",
  );
  const [row] = rows;
  if (row === undefined) throw new Error("there is no partition map");
  return row;
};
/** Command ids of each product in the order in which they were decided. */
async function decidedOrder(): Promise<Map<string, string[]>> {
  const { rows } = await database.query<{ product_id: string; ids: string[] }>(
    `select product_id, array_agg(command_id::text order by version) as ids from ledger
     where type = 'PlaceOrder' and status = 'accepted' group by product_id`,
  );
  return new Map(rows.map(({ product_id, ids }) => [product_id, ids]));
}

describe("from 4 to 8 partitions while orders flow", () => {
  it("loses nothing and keeps each product's order, though the command is killed on the way", async () => {
    const { callers, stop } = startCallers();
    await expect
      .poll(() => Math.min(...[...callers.values()].map(({ acked }) => acked.length)), { timeout: 60_000 })
      .toBeGreaterThan(5);

    const beganAt = performance.now();
    const killed = spawn(process.execPath, [commandLine, "partitions", "grow", String(to)], {
      env: tallyman.environment,
      stdio: "ignore",
    });
    onTestFinished(() => void killed.kill("SIGKILL"));
    let heldAt = 0;
    await expect
      .poll(
        async () => {
          const { phase } = await mapNow();
          if (phase === "holding") heldAt ||= performance.now();
          return phase;
        },
        { interval: 5, timeout: 60_000 },
      )
      .toBe("holding");
    killed.kill("SIGKILL");
    await expect.poll(mapNow, { interval: 5, timeout: 60_000 }).toMatchObject({ phase: "stable", partition_count: to });
    const [tookMs, heldMs] = [performance.now() - beganAt, performance.now() - heldAt];
    expect(await tallyman.run("partitions", "grow", String(to))).toMatchObject({
      code: 0,
      stdout: `There are ${to} partitions already.\n`,
    });

    const before = new Map([...callers].map(([id, { acked }]) => [id, acked.length]));
    await expect
      .poll(() => [...callers].every(([id, { acked }]) => acked.length > (before.get(id) ?? 0) + 5), {
        timeout: 60_000,
      })
      .toBe(true);
    await stop();
    const acked = [...callers.values()].flatMap((caller) => caller.acked);
    const { lost, strangers } = await untilAllDecided(database, acked, 60_000);
    expect([lost, strangers]).toEqual([[], 0]);
    expect(await wrongBooks(database)).toEqual([]);
    const decided = await decidedOrder();
    for (const [id, caller] of callers) expect(decided.get(id), id).toEqual(caller.acked.map(({ orderId }) => orderId));
    const { rows } = await database.query<{ partition: number }>(
      `select distinct "partition" from ledger order by "partition"`,
    );
    expect(rows.map(({ partition }) => partition)).toEqual(Array.from({ length: to }, (_, partition) => partition));

    const longest = (moving: boolean): string =>
      Math.max(...[...callers].filter(([id]) => isMoving(id) === moving).flatMap(([, { waits }]) => waits)).toFixed(0);
    const codes = [...callers.values()].flatMap(({ codes: each }) => [...each]);
    console.log(
      `${acked.length} orders; the growth took ${tookMs.toFixed(0)} ms, ${heldMs.toFixed(0)} of them with products held; longest wait for an ` +
        `acknowledgement: ${longest(true)} ms of products that moved, ${longest(false)} ms of others; 503: ${JSON.stringify(codes)}`,
    );
  });

  it("shows the map, and refuses what can't be", async () => {
    const shown = await tallyman.run("partitions");
    expect(shown).toMatchObject({ code: 0, stdout: `${to} partitions\n` });
    const { code, stdout } = await tallyman.run("partitions", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ partitionCount: to, growth: null, topicPartitions: to, waitsFor: null });
    const refusals: [string, number, RegExp][] = [
      ["4", 2, /never fewer/],
      ["12", 2, /16, 24, 32 …, a multiple/],
      ["1001", 2, /whole number from 1 to 1000/],
    ];
    for (const [count, wantedCode, says] of refusals) {
      const refused = await tallyman.run("partitions", "grow", count);
      expect([refused.code, refused.stdout]).toEqual([wantedCode, ""]);
      expect(refused.stderr).toMatch(says);
    }
    expect(await tallyman.run("partitions", "cancel")).toMatchObject({
      code: 0,
      stdout: `Nothing grows: ${to} partitions.\n`,
    });
  });
});
