/**
 * Dead letters and parked products on a real Tallyman, by the real command line: shown, sent again once, given up, resumed. The audit
 * has the last word.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redriveId } from "../../src/dead-letters/letter-places.ts";
import { limits } from "../../src/limits.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { createCommandCodec } from "../../src/schemas/codec.ts";
import type { CommandCodec } from "../../src/schemas/codec.ts";
import { createRegistrySource } from "../../src/schemas/registry.ts";
import { placeOrder, receiveStock } from "../support/commands.ts";
import { onServer } from "../support/databases.ts";
import { createAuditWorld } from "./audit-world.ts";
import type { AuditWorld } from "./audit-world.ts";
import { plainKafka, sleep } from "./log-helpers.ts";

const partition = partitionOf("chair", 12);
const script = fileURLToPath(new URL("../../src/tallyman.ts", import.meta.url));

let world: AuditWorld;
let codec: CommandCodec;
/** By name, the place of what a foreign producer sent. */
const at: Record<string, { partition: number; offset: number }> = {};
const placeOf = (name: string): string => `${partition}:${at[name]?.offset ?? "?"}`;
const idOf = (name: string): string => redriveId(at[name] ?? { partition: -1, offset: -1 });

async function send(named: Record<string, { key: string | null; value: Buffer }>): Promise<void> {
  const producer = plainKafka().producer();
  await producer.connect();
  try {
    for (const [name, { key, value }] of Object.entries(named)) {
      const message = { partition, key, value, headers: { trace: name } };
      const [sent] = await producer.send({ topic: world.tallyman.topic, messages: [message] });
      at[name] = { partition, offset: Number(sent?.baseOffset) };
    }
  } finally {
    await producer.disconnect();
  }
}

const run = (...args: readonly string[]) => world.tallyman.run(...args);
const letters = () =>
  world.sql(`select "offset", kind, outcome, redriven_as, settled_because from dead_letters order by letter_id`);
const outcomeOf = async (name: string): Promise<unknown> => {
  const rows = (await letters()) as { offset: string; outcome: string | null }[];
  return rows.find(({ offset }) => Number(offset) === at[name]?.offset)?.outcome;
};
const linesOf = (name: string) =>
  world.sql(`select status, reason, quantity from ledger where command_id = '${idOf(name)}'`);
const lines = async () => (await world.sql("select count(*)::int4 as lines from ledger"))[0];
const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 30_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within half a minute: ${what}`);
    await sleep(50);
  }
};

beforeAll(async () => {
  world = await createAuditWorld();
  codec = await createCommandCodec(createRegistrySource({ url: process.env.SCHEMA_REGISTRY_URL ?? "" }));
  const made = await world.post("/products", {
    id: "chair",
    name: "Chair",
    category: "c",
    priceCents: 1,
    initialStock: 10,
  });
  expect(made.status).toBe(201);
  const order = (fields: Parameters<typeof placeOrder>[0]) =>
    codec.encode(placeOrder({ commandId: randomUUID(), productId: "chair", ...fields }));
  await send({
    strange: { key: "no chair", value: order({ quantity: 2 }) },
    priceless: { key: "chair", value: order({ quantity: 3, unitPriceCents: -5 }) },
    noise: { key: null, value: Buffer.from("no Avro") },
    greedy: { key: "no chair", value: order({ quantity: 9 }) },
  });
  await until("all of it is kept", async () => (await letters()).length === 4);
});
afterAll(() => world.close());

describe("tallyman dlq", () => {
  it("lists what could not be decoded, in the order in which it came, and what is asked for of it", async () => {
    const all = await run("dlq", "list");
    expect([all.code, all.stderr]).toEqual([0, ""]);
    expect(all.stdout.trim().split("\n")).toEqual([
      expect.stringMatching(new RegExp(`^\\d+  ${placeOf("strange")}  .*undecodable: key_mismatch$`)),
      expect.stringMatching(new RegExp(`^\\d+  ${placeOf("priceless")}  .*undecodable: number_out_of_range$`)),
      expect.stringMatching(new RegExp(`^\\d+  ${placeOf("noise")}  .*undecodable: no_key$`)),
      expect.stringMatching(new RegExp(`^\\d+  ${placeOf("greedy")}  .*undecodable: key_mismatch$`)),
    ]);
    const offsets = async (...args: string[]): Promise<number[]> => {
      const found = JSON.parse((await run("--json", "dlq", "list", ...args)).stdout) as {
        letters: { offset: number }[];
      };
      return found.letters.map(({ offset }) => offset);
    };
    const offsetOf = (name: string) => at[name]?.offset;
    expect(await offsets("--reason", "key_")).toEqual([offsetOf("strange"), offsetOf("greedy")]);
    expect(await offsets("--product", "chair")).toEqual([offsetOf("priceless")]);
    expect(await offsets("--partition", String(partition + 1))).toEqual([]);
    expect(await offsets("--kind", "waiting")).toEqual([]);
    const first = JSON.parse((await run("dlq", "list", "--json", "--limit", "3")).stdout) as { next: number };
    expect(await offsets("--after", String(first.next))).toEqual([offsetOf("greedy")]);
    expect((await run("dlq", "list", "--kind", "lost")).code).toBe(2);
  });

  it("shows what is in a letter and what is wrong with it", async () => {
    const strange = await run("dlq", "show", placeOf("strange"));
    expect(strange.code).toBe(0);
    for (const part of [
      'key      "no chair"',
      '"trace": "strange"',
      "tallyman.commands.PlaceOrder",
      '"quantity": 2',
      "breaks   key_mismatch",
    ]) {
      expect(strange.stdout).toContain(part);
    }
    const priceless = JSON.parse((await run("dlq", "show", placeOf("priceless"), "--json")).stdout) as object;
    expect(priceless).toMatchObject({
      content: { unitPriceCents: -5, productId: "chair" },
      breaks: "number_out_of_range",
    });
    const noise = await run("dlq", "show", placeOf("noise"));
    expect(noise.stdout).toContain('"no Avro"');
    expect(noise.stdout).toContain("breaks   not_confluent");
    expect((await run("dlq", "show", placeOf("noise"), "--raw")).stdout).toBe("no Avro");
    const missing = await run("dlq", "show", "0:987654");
    expect([missing.code, missing.stderr]).toEqual([1, "tallyman: there is no letter of a record at 0:987654\n"]);
    expect((await run("dlq", "show", "somewhere")).code).toBe(2);
  });

  it("foresees what a redrive would be decided, and writes nothing", async () => {
    const before = [await letters(), await lines()];
    const { code, stdout } = await run("dlq", "redrive", "--all", "--dry-run");
    expect(stdout.trim().split("\n")).toEqual([
      `${placeOf("strange")}  PlaceOrder of 2 chair as ${idOf("strange")} would be accepted, stock 8 at version 2`,
      expect.stringMatching(new RegExp(`^${placeOf("priceless")}  would not be sent, number_out_of_range: `)),
      expect.stringMatching(new RegExp(`^${placeOf("noise")}  would not be sent, not_confluent: `)),
      `${placeOf("greedy")}  PlaceOrder of 9 chair as ${idOf("greedy")} would be rejected, insufficient_stock, stock 8 at version 2`,
    ]);
    expect(code).toBe(1);
    const mended = await run("dlq", "redrive", placeOf("priceless"), "--set", "unitPriceCents=5", "--dry-run");
    expect([mended.code, mended.stdout]).toEqual([
      0,
      expect.stringContaining("would be accepted, stock 7 at version 2"),
    ]);
    expect([await letters(), await lines()]).toEqual(before);
  });

  it("sends what is a command once, tells what is none, and a field that is set mends it", async () => {
    const first = await run("dlq", "redrive", "--all");
    expect([first.code, first.stdout]).toEqual([
      1,
      expect.stringMatching(/\n2 redriven, 0 were before, 2 not sent\.\n$/),
    ]);
    const again = await run("dlq", "redrive", placeOf("strange"), placeOf("greedy"));
    expect([again.code, again.stdout]).toEqual([
      0,
      expect.stringMatching(/\n0 redriven, 2 were before, 0 not sent\.\n$/),
    ]);
    const wrong = await run("dlq", "redrive", placeOf("priceless"), "--set", "price=5");
    expect([wrong.code, wrong.stdout]).toEqual([1, expect.stringContaining("no_such_field")]);
    const mended = await run("dlq", "redrive", placeOf("priceless"), "--set", "unitPriceCents=5", "--rate", "1");
    expect(mended.code).toBe(0);
    await world.untilAtRest();
    expect(await linesOf("strange")).toEqual([{ status: "accepted", reason: null, quantity: 2 }]);
    expect(await linesOf("greedy")).toEqual([{ status: "rejected", reason: "insufficient_stock", quantity: 9 }]);
    expect(await linesOf("priceless")).toEqual([{ status: "accepted", reason: null, quantity: 3 }]);
    expect(await letters()).toMatchObject([
      { outcome: "redriven", redriven_as: idOf("strange") },
      { outcome: "redriven", redriven_as: idOf("priceless") },
      { outcome: null },
      { outcome: "redriven", redriven_as: idOf("greedy") },
    ]);
    expect((await run("dlq", "redrive")).code).toBe(2);
    expect((await run("dlq", "redrive", "--all", placeOf("noise"))).code).toBe(2);
  });

  it("killed between the log and the row, and run again, is one decision", async () => {
    const value = codec.encode(placeOrder({ commandId: randomUUID(), productId: "chair", quantity: 1 }));
    await send({ torn: { key: "no chair", value } });
    await until("it is kept", async () => (await letters()).length === 5);
    const { databaseUrl, redisUrl, topic } = world.tallyman;
    await onServer(databaseUrl, async (client) => {
      await client.query("begin");
      await client.query(`select 1 from dead_letters where "offset" = $1 for update`, [at.torn?.offset]);
      const env = { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, ORDERS_TOPIC: topic };
      const child = spawn(process.execPath, [script, "dlq", "redrive", placeOf("torn")], { env, stdio: "ignore" });
      const exited = once(child, "exit");
      try {
        await until("the command is decided", async () => (await linesOf("torn")).length === 1);
      } finally {
        child.kill("SIGKILL");
        await exited;
        // Its session in PostgreSQL outlives it, and would go on.
        const sessions = `from pg_stat_activity where datname = current_database() and application_name like 'tallyman-letters%'`;
        await world.sql(`select pg_terminate_backend(pid) ${sessions}`);
        await until("its session is gone", async () => (await world.sql(`select ${sessions}`)).length === 0);
        await client.query("rollback");
      }
    });
    expect(await outcomeOf("torn")).toBe(null);
    const foreseen = await run("dlq", "redrive", placeOf("torn"), "--dry-run");
    expect(foreseen.stdout).toContain("was decided before: accepted");
    expect((await run("dlq", "redrive", placeOf("torn"))).code).toBe(0);
    await world.untilAtRest();
    expect(await outcomeOf("torn")).toBe("redriven");
    expect(await linesOf("torn")).toEqual([{ status: "accepted", reason: null, quantity: 1 }]);
  });

  it("gives up what is meant to be given up, and only that", async () => {
    expect((await run("dlq", "discard", placeOf("noise"))).code).toBe(2);
    expect(await outcomeOf("noise")).toBe(null);
    const words = ["--yes", "--reason", "of a broken test"];
    const done = await run("dlq", "discard", placeOf("noise"), placeOf("strange"), ...words);
    expect([done.code, done.stdout]).toEqual([
      1,
      `${placeOf("noise")}  discarded\n${placeOf("strange")}  was redriven before\n`,
    ]);
    expect((await run("dlq", "discard", placeOf("noise"), ...words)).code).toBe(0);
    expect((await letters())[2]).toMatchObject({ outcome: "discarded", settled_because: "of a broken test" });
    const sent = await run("dlq", "redrive", placeOf("noise"));
    expect([sent.code, sent.stdout]).toEqual([1, expect.stringContaining("it was discarded before")]);
    expect((await run("dlq", "list")).stdout).toBe("No letters.\n");
    expect((await run("dlq", "list", "--all")).stdout.trim().split("\n")).toHaveLength(5);
  });

  it("leaves a Tallyman without differences", () => restsWithoutDifferences());
});

describe("tallyman parked", () => {
  const constraint = "refuses_unlucky";
  const refuse = (refused: string) =>
    world.sql(
      `alter table ledger add constraint ${constraint} check (customer_id is distinct from '${refused}') not valid`,
    );
  const permit = () => world.sql(`alter table ledger drop constraint ${constraint}`);
  const orders = (productId: string, ...customers: string[]) =>
    customers.map((customerId) => placeOrder({ commandId: randomUUID(), productId, quantity: 1, customerId }));
  const delivery = (productId: string) => receiveStock({ commandId: randomUUID(), productId, quantity: 10 });
  const decided = async (productId: string): Promise<unknown[]> => {
    const rows = (await world.sql(
      `select customer_id from ledger where product_id = '${productId}' and type = 'PlaceOrder' order by version`,
    )) as { customer_id: string }[];
    return rows.map(({ customer_id }) => customer_id);
  };
  const waiting = async (productId: string): Promise<number> =>
    (await world.sql(`select from dead_letters where product_id = '${productId}' and outcome is null`)).length;
  const isDecided = (productId: string, count: number) =>
    until(`${count} orders of ${productId} are decided`, async () => (await decided(productId)).length === count);
  const isWaiting = (productId: string, count: number) =>
    until(`${count} commands of ${productId} wait`, async () => (await waiting(productId)) === count);

  it("shows a product that is parked, while its neighbours go on", async () => {
    expect((await run("parked", "list")).stdout).toBe("No product is parked.\n");
    await world.append([delivery("lamp"), delivery("vase")]);
    await refuse("unlucky");
    await world.append([...orders("lamp", "ada", "unlucky", "bob", "cleo"), ...orders("vase", "ada", "bob")]);
    await isDecided("vase", 2);
    await isWaiting("lamp", 3);
    expect(await decided("lamp")).toEqual(["ada"]);
    const listed = await run("parked", "list");
    expect(listed.stdout).toMatch(/^lamp {2}since \S+Z, 3 waiting: 23514 .*refuses_unlucky.*\n$/);
    const shown = await run("parked", "show", "lamp");
    const [head, culprit, content, next] = shown.stdout.split("\n");
    expect(head).toBe(listed.stdout.trim());
    expect([culprit, next]).toEqual([
      expect.stringContaining("refused command"),
      expect.stringContaining("waiting command"),
    ]);
    expect(JSON.parse(content ?? "")).toMatchObject({ customerId: "unlucky", productId: "lamp" });
    const document = JSON.parse((await run("parked", "show", "lamp", "--json", "--limit", "2")).stdout) as object;
    expect(document).toMatchObject({ productId: "lamp", waiting: 3, commands: [{ letter: { kind: "refused" } }, {}] });
    const missing = await run("parked", "show", "vase");
    expect([missing.code, missing.stderr]).toEqual([1, "tallyman: vase is not parked\n"]);
    const list = await run("dlq", "list", "--kind", "refused");
    expect(list.stdout).toContain("of lamp");
    await world.tallyman.audit("running");
  });

  it("names the command in the way while it is refused, and goes on in order when it no longer is", async () => {
    const stuck = await run("parked", "resume", "lamp");
    expect([stuck.code, stuck.stderr]).toEqual([1, ""]);
    expect(stuck.stdout).toContain("lamp stays parked: 0 commands decided, 0 given up, and the next is refused.");
    expect(stuck.stdout).toMatch(/\d+:\d+ .*refused command .* of lamp: .*refuses_unlucky/);
    expect(stuck.stdout).toContain("tallyman dlq discard");
    const redriven = await run("dlq", "redrive", /(\d+:\d+) .*refused command/.exec(stuck.stdout)?.[1] ?? "");
    expect([redriven.code, redriven.stdout]).toEqual([1, expect.stringContaining("tallyman parked resume lamp")]);
    await permit();
    const done = await run("parked", "resume", "lamp");
    expect([done.code, done.stdout]).toEqual([
      0,
      "3 decided, 0 waiting\nlamp goes on: 3 commands decided, 0 given up.\n",
    ]);
    expect(await decided("lamp")).toEqual(["ada", "unlucky", "bob", "cleo"]);
    expect((await run("parked", "resume", "lamp")).stdout).toBe("lamp is not parked.\n");
    await restsWithoutDifferences();
  });

  it("finds what is in the way far behind, and gives up that alone where it is told to", async () => {
    await world.append([delivery("desk")]);
    await refuse("unlucky");
    const names = Array.from({ length: 40 }, (_, index) => (index === 0 || index === 25 ? "unlucky" : `c${index}`));
    await world.append(orders("desk", ...names));
    await isWaiting("desk", 40);
    expect((await run("parked", "resume", "desk", "--discard-refused")).code).toBe(2);
    expect(await waiting("desk")).toBe(40);
    const done = await run("parked", "resume", "desk", "--discard-refused", "--yes", "--json");
    expect([done.code, JSON.parse(done.stdout)]).toEqual([
      0,
      { productId: "desk", decided: 38, discarded: 2, end: "resumed" },
    ]);
    expect((await decided("desk")).toSorted()).toEqual(names.filter((name) => name !== "unlucky").toSorted());
    const given = await world.sql(
      `select settled_because from dead_letters where product_id = 'desk' and outcome = 'discarded'`,
    );
    expect(given).toEqual(Array(2).fill({ settled_because: expect.stringContaining("refused again") as string }));
    await permit();
    await restsWithoutDifferences();
  });

  it("tells that its command is on the log where nobody decides, which then is decided", async () => {
    await refuse("unlucky");
    await world.append([delivery("shelf"), ...orders("shelf", "unlucky")]);
    await isWaiting("shelf", 1);
    await permit();
    await world.processor.stop();
    const askedAt = performance.now();
    const waited = await run("parked", "resume", "shelf", "--wait", "1");
    expect(performance.now() - askedAt).toBeLessThan(limits.resumeWaitSeconds * 1_000);
    expect([waited.code, waited.stdout]).toEqual([
      1,
      expect.stringMatching(/^Nobody has decided the ResumeProduct .* It is on the log/),
    ]);
    await world.tallyman.startProcessor();
    await isDecided("shelf", 1);
    await restsWithoutDifferences();
  });
});

async function restsWithoutDifferences(): Promise<void> {
  await world.untilAtRest();
  await world.tallyman.audit("at-rest");
}
