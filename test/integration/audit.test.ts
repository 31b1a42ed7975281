/** `tallyman audit` on a real history: no differences; then each kind of difference, planted, is found and named. */
import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { audit } from "../../src/audit/audit.ts";
import { connectAudit } from "../../src/command-line/audit.ts";
import type { ConnectedAudit } from "../../src/command-line/audit.ts";
import { placeOrder } from "../support/commands.ts";
import { createAuditWorld, makeHistory } from "./audit-world.ts";
import type { AuditWorld } from "./audit-world.ts";
import { sleep } from "./log-helpers.ts";

const tables = ["products", "stock", "partitions", "ledger", "dead_letters"];

let world: AuditWorld;
let connected: ConnectedAudit | undefined;

beforeAll(async () => {
  world = await createAuditWorld({ audited: false });
  await makeHistory(world);
  await world.untilAtRest();
});
afterAll(async () => {
  await connected?.close();
  await world.close();
});

/** The kinds found, in an audit within this process. */
async function kindsFound(): Promise<string[]> {
  connected ??= await connectAudit({ config: world.config, log: pino({ level: "silent" }) });
  const { findings } = await audit(connected.deps, { atRest: true, shownMax: 100 });
  return [...findings.counts.keys()];
}

describe("an audit of a real history", () => {
  it("finds nothing while orders are being decided", async () => {
    const done = new AbortController();
    const orders = (async () => {
      while (!done.signal.aborted) {
        const orderOf = (productId: string) => placeOrder({ commandId: randomUUID(), productId, quantity: 1 });
        await world.append(Array.from({ length: 20 }, (_, n) => orderOf(n % 2 === 0 ? "lamp" : "strewn")));
        await world.post("/orders", { productId: "chair", quantity: 1 });
        await world.post("/products/chair/restock", { quantity: 2 });
        await sleep(100); // Every audit below reads all of it again.
      }
    })();
    try {
      for (let round = 0; round < 3; round += 1) await world.tallyman.audit("running");
    } finally {
      done.abort();
      await orders;
    }
  });

  it("finds nothing at rest, and ends with 0", async () => {
    await world.untilAtRest();
    expect(await world.processor.stop()).toBe(0);
    expect(await world.api.stop()).toBe(0);
    // What follows takes longer than these keys live.
    const { redis } = world.tallyman;
    for (const key of await redis.keys("*")) await redis.persist(key);
    const { code, stdout, stderr } = await world.tallyman.run("audit", "--at-rest");
    expect([stdout, stderr]).toEqual([expect.stringContaining("No differences."), ""]);
    expect(code).toBe(0);
    const found = await world.tallyman.run("audit", "--at-rest", "--json");
    const report = JSON.parse(found.stdout) as Record<string, unknown>;
    // Everything that can be wrong is there.
    expect(report).toMatchObject({ differences: [], more: 0, counts: {}, undecided: 0, untold: 0 });
    const [counts] = await world.sql(`select (select count(*)::int4 from ledger) as lines,
      (select count(*)::int4 from dead_letters) as kept, (select count(distinct product_id)::int4 from ledger) as products`);
    expect(report).toMatchObject({
      log: { ...pick(counts, "lines", "kept"), trimmed: 0 },
      ...pick(counts, "products"),
    });
    expect(report).toMatchObject({ log: { repeats: 5 } });
    const letters = await world.sql(
      "select kind, outcome, count(*)::int4 from dead_letters group by 1, 2 order by 1, 2",
    );
    expect(letters.map((row) => Object.values(row).slice(0, 2).join(" "))).toEqual([
      "refused resumed",
      "refused ",
      "undecodable ",
      "waiting resumed",
      "waiting ",
    ]);
    const reasons = await world.sql("select distinct reason from ledger where reason is not null order by reason");
    expect(reasons.flatMap((row) => Object.values(row) as unknown[])).toEqual([
      "cancelled_before_placed",
      "count_conflict",
      "insufficient_stock",
      "not_parked",
      "order_already_cancelled",
      "order_rejected",
      "quantity_out_of_range",
      "unknown_product",
      "unknown_version",
    ]);
  });
});

const pick = (row: object | undefined, ...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, Reflect.get(row ?? {}, name) as unknown]));

const oneOrder = (where: string) => `(select command_id from ledger where type = 'PlaceOrder' and ${where} limit 1)`;
const accepted = oneOrder("status = 'accepted' and product_id = 'lamp'");
const resumed = (kind: string) =>
  `(select command_id from dead_letters where kind = '${kind}' and outcome = 'resumed' limit 1)`;
const fakeLine = (
  place: string,
) => `insert into ledger (command_id, type, product_id, quantity, status, reason, delta, stock_after,
  version, "partition", "offset", issued_at)
  select gen_random_uuid(), 'ReceiveStock', product_id, -1, 'rejected', 'quantity_out_of_range', 0, stock_after, version, ${place}, issued_at
  from ledger where product_id = 'lamp' order by version desc limit 1`;

/** What is done to PostgreSQL, and the kind that tells it: others may tell it too. */
const planted: [name: string, kind: string, sql: string][] = [
  ["a line that is gone", "A1", `delete from ledger where command_id = ${accepted}`],
  [
    "the newest line that is gone",
    "A11",
    `delete from ledger where (product_id, version) in (select product_id, version from stock where product_id = 'lamp') and reason is null`,
  ],
  ["a dead letter that is gone", "A1", `delete from dead_letters where "partition" = 0`],
  [
    "a line where the log has a marker",
    "A2",
    fakeLine(`0, (select max("offset") + 1 from dead_letters where "partition" = 0)`),
  ],
  ["a line beyond what is decided", "A2", fakeLine(`"partition", 1000000`)],
  ["a line of a partition that nobody has", "A2", fakeLine(`77, "offset"`)],
  ["a line at another one's place", "A2", fakeLine(`"partition", "offset"`)],
  [
    "a dead letter without a record",
    "A2",
    `insert into dead_letters ("partition", "offset", reason) values (3, 1000000, 'no_key')`,
  ],
  ["another customer", "A3", `update ledger set customer_id = 'eve' where customer_id = 'bob'`],
  [
    "another address",
    "A3",
    `update ledger set delivery_location = delivery_location || '{"address": "x"}' where customer_id = 'bob'`,
  ],
  ["another price", "A3", `update ledger set unit_price_cents = unit_price_cents + 1 where command_id = ${accepted}`],
  ["another reference", "A3", `update ledger set reference = 'delivery-2' where reference = 'delivery-1'`],
  ["another time", "A3", `update ledger set issued_at = issued_at + interval '1 ms' where command_id = ${accepted}`],
  ["other bytes in a dead letter", "A3", `update dead_letters set record_value = '\\x00' where "partition" = 0`],
  [
    "a line and a dead letter of one record",
    "A4",
    `insert into dead_letters ("partition", "offset", reason) select "partition", "offset", 'x' from ledger where command_id = ${accepted}`,
  ],
  [
    "a line of a record that can't be read",
    "A5",
    fakeLine(`0, (select max("offset") from dead_letters where "partition" = 0)`),
  ],
  ["a version left out", "A6", `update ledger set version = version + 1 where product_id = 'lamp' and version >= 3`],
  ["another stock after it", "A7", `update ledger set stock_after = stock_after + 1 where command_id = ${accepted}`],
  ["another delta", "A7", `update ledger set delta = delta - 1 where command_id = ${accepted}`],
  [
    "a refusal that met another stock",
    "A7",
    `update ledger set stock_after = stock_after + 1 where reason = 'unknown_version'`,
  ],
  [
    "another reason",
    "A8",
    `update ledger set reason = 'unknown_product' where command_id = ${oneOrder("reason = 'insufficient_stock'")}`,
  ],
  ["a refusal without a reason", "A8", `update ledger set status = 'rejected' where command_id = ${accepted}`],
  [
    "a stocktake with another correction",
    "A8",
    `update ledger set delta = delta + 1, stock_after = stock_after + 1 where as_of_version = 2 and product_id = 'lamp'`,
  ],
  [
    "two decisions of one partition exchanged",
    "A9",
    `update ledger t set version = o.version from ledger o where t.reason = 'unknown_version' and o.reason = 'unknown_product' and o.product_id = 'lamp'`,
  ],
  [
    "an accepted order that was cancelled",
    "A10",
    `update ledger set status = 'accepted', revision = 1 where status = 'cancelled' and reason is null`,
  ],
  [
    "a cancelled order without a cancel",
    "A10",
    `update ledger set status = 'cancelled', revision = 2 where command_id = ${accepted}`,
  ],
  ["another revision", "A3", `update ledger set revision = 7 where status = 'cancelled' and reason is null`],
  ["other stock", "A11", `update stock set quantity = quantity + 1 where product_id = 'lamp'`],
  ["no stock", "A11", `delete from stock where product_id = 'strewn'`],
  ["stock of nothing", "A11", `insert into stock values ('nothing', 1, 1)`],
  ["progress beyond the log", "A12", `update partitions set next_offset = 1000000`],
  ["other initial stock", "A13", `update products set initial_stock = 21`],
  [
    "progress that was set back",
    "A18",
    `update partitions set next_offset = next_offset - 1, effects_offset = least(effects_offset, next_offset - 1), decisions_offset = least(decisions_offset, next_offset - 1) where next_offset > 0`,
  ],
  ["effects that were set back", "A18", `update partitions set effects_offset = 0 where next_offset > 0`],
  ["a resumed command without a line", "A1", `delete from ledger where command_id = ${resumed("refused")}`],
  [
    "a resumed command with another customer",
    "A3",
    `update ledger set customer_id = 'eve' where command_id = ${resumed("refused")}`,
  ],
  [
    "a resumed command that had not waited",
    "A2",
    `update dead_letters set outcome = 'discarded' where command_id = ${resumed("refused")}`,
  ],
  [
    "commands that wait for a product that is not parked",
    "A19",
    `update stock set parked_because = null, parked_at = null where product_id = 'waits'`,
  ],
  [
    "commands resumed in another order",
    "A19",
    `update dead_letters set letter_id = default where command_id = ${resumed("refused")}`,
  ],
  [
    "a command that waits, and came before one that was resumed",
    "A19",
    `update dead_letters set outcome = null, settled_at = null where command_id = ${resumed("refused")};
     update stock s set parked_because = 'again', parked_at = now() from dead_letters d
     where d.command_id = ${resumed("refused")} and d.product_id = s.product_id`,
  ],
  [
    "a dead letter that was redriven as nothing",
    "A20",
    `update dead_letters set outcome = 'redriven', settled_at = now(), redriven_as = gen_random_uuid() where kind = 'undecodable'`,
  ],
  [
    "a resume of fewer commands than have lines",
    "A19",
    `update ledger set quantity = 1 where type = 'ResumeProduct' and quantity = 3`,
  ],
];

describe("differences in PostgreSQL", () => {
  /** How each table is filled again. Columns that PostgreSQL makes by itself can't be written. */
  const refills: string[] = [];
  beforeAll(async () => {
    for (const table of tables) {
      await world.sql(`create table kept_${table} as table ${table}`);
      const [found] = await world.sql(
        `select string_agg(quote_ident(column_name), ', ') as columns from information_schema.columns
         where table_schema = current_schema and table_name = '${table}' and is_generated = 'NEVER'`,
      );
      const { columns } = found as { columns: string };
      refills.push(`insert into ${table} (${columns}) overriding system value select ${columns} from kept_${table};`);
    }
  });

  const restore = () => world.sql(`begin; truncate ${tables.join(", ")}; ${refills.join("\n")} commit`);

  it.each(planted)("%s is %s", async (_name, kind, statement) => {
    const before = await counts();
    await world.sql(statement);
    try {
      expect(await kindsFound(), "rows: " + JSON.stringify({ before, after: await counts() })).toContain(kind);
    } finally {
      await restore();
    }
  });

  it("the later of two records with one id was decided: A4, unless the earlier one waited for its product", async () => {
    await world.sql(`update ledger set product_id = 'absent', "offset" = "offset" + 1 where customer_id = 'twice'`);
    try {
      expect(await kindsFound()).toContain("A4");
      await world.sql("update ledger set product_id = 'strewn' where type = 'ResumeProduct' and reason is null");
      expect(await kindsFound()).not.toContain("A4");
    } finally {
      await restore();
    }
  });

  it("views that don't show the ledger are A14", async () => {
    const [found] = await world.sql(
      `select pg_get_viewdef('orders') as orders, pg_get_viewdef('stock_movements') as moves`,
    );
    const { orders, moves } = found as { orders: string; moves: string };
    await world.sql(`create or replace view orders as ${orders.replace(/;$/, "")} and status <> 'rejected'`);
    expect(await kindsFound()).toEqual(["A14"]);
    await world.sql(`create or replace view orders as ${orders}`);
    await world.sql(`create or replace view stock_movements as ${moves.replace("delta,", "delta + 1 as delta,")}`);
    expect(await kindsFound()).toEqual(["A14"]);
    await world.sql(`create or replace view stock_movements as ${moves}`);
  });

  it("are told on the command line, a bounded number of them, and end it with 1", async () => {
    await world.sql("update ledger set quantity = quantity + 1");
    try {
      const text = await world.tallyman.run("audit", "--limit", "3");
      const lines = text.stdout.split("\n");
      expect([text.code, lines.slice(0, 3)]).toEqual([1, Array(3).fill(expect.stringMatching(/^A\d+ .+: .+/))]);
      expect(lines[3]).toMatch(/^and \d{2,} more$/);
      expect(lines[4]).toMatch(/^\d+ differences: .*\d+ of A3/);
      const json = await world.tallyman.run("--json", "audit", "--limit", "3");
      const report = JSON.parse(json.stdout) as { differences: unknown[]; more: number };
      expect([json.code, report.differences.length, report.more > 10]).toEqual([1, 3, true]);
    } finally {
      await restore();
    }
  });
});

describe("differences in Redis", () => {
  const chair = "product:chair:quantity";
  const anyOrder = async (status: string): Promise<string> => {
    const [row] = await world.sql(
      `select command_id from ledger where type = 'PlaceOrder' and status = '${status}' and product_id = 'chair' and customer_id = 'ada' limit 1`,
    );
    return `order:${(row as { command_id: string }).command_id}`;
  };
  /** Changes a key, looks, and puts back what was there. */
  const changed = async (key: string, value: string): Promise<string[]> => {
    const { redis } = world.tallyman;
    const before = await redis.get(key);
    await redis.set(key, value);
    const found = await kindsFound();
    if (before === null) await redis.del(key);
    else await redis.set(key, before);
    return found;
  };

  it("another quantity, another version, and nonsense are A15", async () => {
    expect(await changed(chair, "4711")).toEqual(["A15"]);
    expect(await changed("product:chair:version", "1")).toEqual(["A15"]);
    expect(await changed("product:chair:version", "999999")).toEqual(["A15"]);
    expect(await changed(chair, "many")).toEqual(["A15"]);
    expect(await changed("product:unheard-of:version", "3")).toEqual(["A15"]);
  });

  it("an order with other content, of a later revision, of an earlier one, or of nobody is A16", async () => {
    const key = await anyOrder("accepted");
    const document = JSON.parse((await world.tallyman.redis.get(key)) ?? "") as object;
    expect(await changed(key, JSON.stringify({ ...document, status: "rejected" }))).toEqual(["A16"]);
    expect(await changed(key, JSON.stringify({ ...document, stockAfter: 4711 }))).toEqual(["A16"]);
    expect(await changed(key, JSON.stringify({ ...document, revision: 9 }))).toEqual(["A16"]);
    expect(await changed(key, JSON.stringify({ ...document, revision: 0, status: "pending" }))).toEqual(["A16"]);
    expect(await changed(await anyOrder("cancelled"), JSON.stringify(document))).toEqual(["A16"]);
    expect(await changed(`order:${randomUUID()}`, JSON.stringify(document))).toEqual(["A16"]);
    expect(await changed(key, "{")).toEqual(["A16"]);
  });

  it("a mark of an order that nobody has decided is none", async () => {
    expect(await changed(`order:${randomUUID()}`, JSON.stringify({ revision: 0, status: "pending" }))).toEqual([]);
  });

  it("a later epoch is A17", async () => {
    const { redis } = world.tallyman;
    await redis.hset("tallyman:owners", "5", "4711");
    expect(await kindsFound()).toEqual(["A17"]);
    await redis.hdel("tallyman:owners", "5");
  });
});

describe("differences in Kafka", () => {
  it("records that nobody has decided are lag, and A18 at rest", async () => {
    await world.append([placeOrder({ commandId: randomUUID(), productId: "lamp", quantity: 1 })]);
    const running = await world.tallyman.run("audit");
    expect([running.code, running.stdout]).toEqual([0, expect.stringContaining("Lag: 1 offsets are not decided yet")]);
    expect(await kindsFound()).toEqual(["A18"]);
  });

  it("with everything put back there are no others", async () => {
    expect(await kindsFound()).toEqual(["A18"]);
  });
});

/** So that a statement that changed nothing is seen for what it is. */
async function counts(): Promise<unknown> {
  return world.sql(
    `select (select count(*)::int4 from ledger) as lines, (select count(*)::int4 from dead_letters) as kept`,
  );
}
