/**
 * The log must be the one that was decided (P11): a topic that was made anew under the database halts the partitions that differ,
 * and no others; what docs/operations.md says to do about it is done as it is written.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createKafkaAppender } from "../../src/log/kafka/appender.ts";
import { ensureTopic } from "../../src/log/kafka/topic.ts";
import type { AppendRecord } from "../../src/log/log.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { createCommandCodec } from "../../src/schemas/codec.ts";
import type { CommandCodec } from "../../src/schemas/codec.ts";
import { createRegistrySource } from "../../src/schemas/registry.ts";
import { placeOrder } from "../support/commands.ts";
import type { Role } from "../support/tallyman.ts";
import { fences, readText, section } from "../unit/docs-reader.ts";
import { createAuditWorld } from "./audit-world.ts";
import type { AuditWorld } from "./audit-world.ts";
import { connection, deleteRecords, logger, withAdmin } from "./log-helpers.ts";

const partitionCount = 12;
const patience = { timeout: 30_000, interval: 100 };
const [exchanged, restored, shorter, beheaded, trimmed, unused] = [0, 1, 2, 3, 4, 5] as const;

let world: AuditWorld;
let codec: CommandCodec;
let processor: Role;
let logs: string;

beforeAll(async () => {
  logs = await mkdtemp(path.join(tmpdir(), "known-log-"));
  world = await createAuditWorld({ logs, audited: false });
  processor = world.processor;
  codec = await createCommandCodec(createRegistrySource({ url: process.env.SCHEMA_REGISTRY_URL ?? "" }));
});
afterAll(async () => {
  await world.close();
  await rm(logs, { recursive: true });
});

type Order = AppendRecord & { readonly commandId: string };

function productOf(partition: number): string {
  for (let n = 0; ; n += 1) if (partitionOf(`p-${n}`, partitionCount) === partition) return `p-${n}`;
}

/** Of a product that has no stock: they are refused, which is a decision. */
function orders(partition: number, count: number): Order[] {
  const productId = productOf(partition);
  return Array.from({ length: count }, () => {
    const commandId = randomUUID();
    return { commandId, partition, key: productId, value: codec.encode(placeOrder({ commandId, productId })) };
  });
}

const garbage = (partition: number, text: string): AppendRecord => ({ partition, key: "k", value: Buffer.from(text) });

/** With a producer of its own: one from before the topic was made anew may hold on to the old one. */
async function append(records: readonly AppendRecord[]): Promise<void> {
  const appender = createKafkaAppender({ connection, topic: world.tallyman.topic, logger });
  await appender.append(records.map(({ partition, key, value }) => ({ partition, key, value })));
  await appender.close();
}

async function undecided(records: readonly Order[]): Promise<number> {
  const rows = (await world.sql(`select command_id from ledger`)) as { command_id: string }[];
  const there = new Set(rows.map((row) => row.command_id));
  return records.filter(({ commandId }) => !there.has(commandId)).length;
}

async function partitionsTrouble(): Promise<string | null> {
  const report = (await (await fetch(`${processor.url}/readyz`)).json()) as {
    dependencies: { name: string; detail: string | null }[];
  };
  return report.dependencies.find(({ name }) => name === "partitions")?.detail ?? null;
}

async function restart(): Promise<void> {
  await processor.stop();
  processor = await world.tallyman.startProcessor();
}

async function letters(partition: number): Promise<string[]> {
  const rows = await world.sql(
    `select convert_from(record_value, 'UTF8') as text from dead_letters where "partition" = ${partition} order by letter_id`,
  );
  return (rows as { text: string }[]).map(({ text }) => text);
}

/** The statement of the documentation for this way on, for another partition and offset. */
function mend(statement: number, partition: number, offset = 0): string {
  const blocks = fences(section(readText("docs/operations.md"), "## A halted partition"));
  const text = blocks.filter(({ language }) => language === "sql")[statement]?.text ?? "";
  return text.replaceAll("partition = 3", `partition = ${partition}`).replaceAll("14", String(offset));
}

it("halts what is not the log that was decided, loudly, and goes on with the rest; mended as written, all is decided", async () => {
  const used: readonly number[] = [exchanged, restored, shorter, beheaded, trimmed];
  const first = new Map(used.map((each) => [each, orders(each, 5)]));
  const firstRecords = [...first.values()].flat();
  await append([...firstRecords, garbage(exchanged, "of the old log"), garbage(restored, "of the old log")]);
  await expect.poll(() => undecided(firstRecords), patience).toBe(0);
  await expect.poll(() => letters(restored), patience).toHaveLength(1);
  await expect.poll(() => letters(exchanged), patience).toHaveLength(1);
  await processor.stop();

  const { topic } = world.tallyman;
  await withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
  await expect.poll(() => withAdmin((admin) => admin.listTopics()), patience).not.toContain(topic);
  await ensureTopic(connection, { name: topic, partitionCount, replicationFactor: 1 }, logger);
  // While one of them has no leader yet, kafkajs appends all the others twice.
  const ready = () => withAdmin((admin) => admin.fetchTopicOffsets(topic)).then(({ length }) => length);
  await expect.poll(() => ready().catch(() => 0), patience).toBe(partitionCount);
  const again = (partition: number): Order[] => first.get(partition) ?? [];
  const second = {
    exchanged: orders(exchanged, 9),
    restored: orders(restored, 3),
    shorter: orders(shorter, 2),
    beheaded: orders(beheaded, 4),
    trimmed: orders(trimmed, 3),
    unused: orders(unused, 2),
  };
  await append([
    ...second.exchanged.slice(0, 5),
    garbage(exchanged, "of the new log"),
    ...second.exchanged.slice(5),
    ...[...again(restored), garbage(restored, "of the old log"), ...second.restored],
    ...second.shorter,
    ...[...again(beheaded), ...second.beheaded],
    ...[...again(trimmed), ...second.trimmed],
    ...second.unused,
  ]);
  await deleteRecords(topic, beheaded, 7); // Two of those that are not decided are gone.
  await deleteRecords(topic, trimmed, 5); // All that are decided.

  processor = await world.tallyman.startProcessor();
  await expect.poll(() => undecided([...second.restored, ...second.trimmed, ...second.unused]), patience).toBe(0);
  const why = [
    [exchanged, "the log has another record at offset 5, and the one that was there has been decided"],
    [shorter, "the log ends at offset 2, and all below 5 was decided"],
    [beheaded, "the log begins at offset 7, and 5 is the next to be decided"],
  ] as const;
  for (const [partition, text] of why) {
    await expect.poll(partitionsTrouble, patience).toContain(`partition ${partition}: ${text}`);
  }
  expect((await partitionsTrouble())?.split("; ")).toHaveLength(why.length);
  const metrics = await (await fetch(`${processor.url}/metrics`)).text();
  expect(metrics).toContain(`tallyman_halted_partitions ${why.length}\n`);
  const told = await logged();
  for (const [partition, text] of why) {
    expect(told).toContainEqual({
      level: 50,
      msg: expect.stringMatching(new RegExp(`^partition ${partition} halted: ${text}.*last_offset`)) as unknown,
    });
  }
  const halted = [...second.exchanged, ...second.shorter, ...second.beheaded];
  expect(await undecided(halted)).toBe(halted.length);

  // A restart alone changes nothing.
  await restart();
  await expect.poll(partitionsTrouble, patience).toContain(`partition ${exchanged}: `);
  expect(await undecided(halted)).toBe(halted.length);

  await processor.stop();
  await world.sql(mend(0, beheaded, 7));
  await world.sql(mend(1, exchanged));
  await world.sql(mend(1, shorter));
  processor = await world.tallyman.startProcessor();
  const left = [...second.exchanged, ...second.shorter, ...second.beheaded.slice(2)];
  await expect.poll(() => undecided(left), patience).toBe(0);
  expect(await undecided(second.beheaded)).toBe(2);
  expect(await letters(exchanged)).toEqual(["of the old log", "of the new log"]);
  expect(await letters(restored)).toEqual(["of the old log"]);
  expect(await partitionsTrouble()).toBeNull();
  await restart(); // The mended partitions are known again.
  await append(orders(exchanged, 1));
  await expect
    .poll(async () => (await world.sql(`select from ledger`)).length, patience)
    .toBe(firstRecords.length + 9 + 3 + 2 + 2 + 3 + 2 + 1);
  expect(await partitionsTrouble()).toBeNull();
});

async function logged(): Promise<{ level: number; msg: string }[]> {
  const files = await readdir(logs);
  const texts = await Promise.all(files.map((file) => readFile(path.join(logs, file), "utf8")));
  return texts
    .flatMap((text) => text.split("\n"))
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { level: number; msg: string })
    .map(({ level, msg }) => ({ level, msg }));
}
