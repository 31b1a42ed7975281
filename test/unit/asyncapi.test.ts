// /asyncapi.json is right by its own standard, its references lead somewhere, its schemas are those that are registered, and what it says
// of a dead letter's headers is what the publisher writes.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { Ajv } from "ajv";
import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import type { AsyncapiDocument } from "../../src/api/plugins/asyncapi-document.ts";
import { readConfig } from "../../src/config.ts";
import { limits } from "../../src/limits.ts";
import type { AppendRecord } from "../../src/log/log.ts";
import { DeadLetterPublisher } from "../../src/processors/dead-letter-publisher.ts";
import { letterOfCommand, letterOfRecord } from "../../src/processors/letters.ts";
import { commandSchemas, parseAvroType } from "../../src/schemas/command-schemas.ts";
import { decisionsRecordName, decisionsSchemaText } from "../../src/schemas/decisions-codec.ts";
import { simCodec } from "../simulation/sim-log.ts";
import { placeOrder } from "../support/commands.ts";
import { ApiWorld, partitionCount } from "./api-world.ts";

let world: ApiWorld;
afterEach(() => world.app.close());

async function ask(topics?: ApiWorld["topics"]): Promise<AsyncapiDocument> {
  world = new ApiWorld();
  if (topics !== undefined) world.topics = topics;
  await world.open();
  return JSON.parse((await world.app.inject({ url: "/asyncapi.json" })).body) as AsyncapiDocument;
}

const standard = createRequire(import.meta.url).resolve("@asyncapi/specs/schemas/3.0.0-without-$id.json");
const ajv = new Ajv({ strict: false, validateFormats: false });
const isAsyncapi = ajv.compile(JSON.parse(readFileSync(standard, "utf8")) as object);

/** What the names of a JSON pointer (without its first slash) lead to, if they lead anywhere. */
const at = (document: object, names: readonly string[]): unknown =>
  names.reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], document);

function references(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => (name === "$ref" ? [String(each)] : references(each)));
}
const dangling = (document: object): string[] =>
  references(document).filter((to) => at(document, to.split("/").slice(1)) === undefined);

/** Messages whose Avro schema can't be read, or differs from the one that is registered under their name. */
function foreignSchemas({ components }: AsyncapiDocument): string[] {
  const registered = new Map(commandSchemas.map(({ recordName, text }) => [recordName, text]));
  registered.set(decisionsRecordName, decisionsSchemaText);
  return Object.values(components.messages).flatMap(({ name, payload }) => {
    if (!("schema" in payload)) return [];
    try {
      const isSame = isDeepStrictEqual(JSON.parse(registered.get(name) ?? "null"), payload.schema);
      return isSame && parseAvroType(JSON.stringify(payload.schema)).name === name ? [] : [name];
    } catch (error) {
      return [`${name}: ${String(error)}`];
    }
  });
}

describe("the document", () => {
  test.each(["decisions", null])("is right by the standard, decisions told on %s", async (decisions) => {
    const document = await ask({ orders: "orders", deadLetters: "orders.dead-letter", decisions });
    expect(isAsyncapi(document), JSON.stringify(isAsyncapi.errors?.slice(0, 3))).toBe(true);
    expect(dangling(document)).toEqual([]);
    expect(Object.keys(document.channels)).toHaveLength(decisions === null ? 3 : 4);
    expect(Object.keys(document.operations)).toHaveLength(decisions === null ? 4 : 5);
  });

  test.each([
    "asyncapi",
    "info",
    "info/version",
    "info/license/name",
    "operations/takeCommands/action",
    "operations/tellDecisions/channel",
    "components/messages/PlaceOrder/payload/schema/fields",
    "components/messages/PlaceOrder/payload/schema/fields/0/type",
    "components/messages/Decisions/payload/schema/name",
  ])("without %s it is not", async (pointer) => {
    const document = await ask();
    const names = pointer.split("/");
    const place = at(document, names.slice(0, -1));
    expect(place).toHaveProperty([names.at(-1) ?? ""]);
    Reflect.deleteProperty(place as object, names.at(-1) ?? "");
    expect(isAsyncapi(document)).toBe(false);
  });

  test("leads nowhere once a message or a channel of it is gone", async () => {
    const document = await ask();
    Reflect.deleteProperty(document.components.messages, "Decisions");
    Reflect.deleteProperty(document.channels, "deadLetters");
    expect(dangling(document)).toEqual([
      "#/components/messages/Decisions",
      "#/channels/deadLetters",
      "#/channels/deadLetters/messages/DeadLetter",
    ]);
  });

  test("has the topics as they are configured, and the orders' partitions as they are", async () => {
    const services = { KAFKA_BROKERS: "k:1", SCHEMA_REGISTRY_URL: "http://r", REDIS_URL: "redis://r" };
    const config = readConfig({
      ...services,
      DATABASE_URL: "postgresql://d",
      ORDERS_TOPIC: "shop",
      DECISIONS_TOPIC: "told",
    });
    const { ordersTopic: orders, deadLetterTopic: deadLetters, decisionsTopic: decisions } = config;
    const { channels } = await ask({ orders, deadLetters, decisions });
    const told = Object.values(channels).flatMap(({ address, bindings }) =>
      "kafka" in bindings ? [[address, bindings.kafka]] : [],
    );
    expect(told).toEqual([
      ["shop", { topic: "shop", partitions: partitionCount, bindingVersion: "0.5.0" }],
      ["shop.dead-letter", { topic: "shop.dead-letter", bindingVersion: "0.5.0" }],
      ["told", { topic: "told", bindingVersion: "0.5.0" }],
    ]);
  });

  test("has more partitions once they have grown", async () => {
    await ask();
    await world.maps.change(world.maps.current()?.version ?? 0, { partitionCount: 2 * partitionCount, growth: null });
    const partitions = async () => {
      const { channels } = JSON.parse((await world.app.inject({ url: "/asyncapi.json" })).body) as AsyncapiDocument;
      return channels.orders.bindings.kafka.partitions;
    };
    await expect.poll(partitions, { timeout: 30_000 }).toBe(2 * partitionCount);
  });
});

describe("what its messages say", () => {
  test("are the schemas that are registered, of every command and of the decisions", async () => {
    const document = await ask();
    const { DeadLetter: _deadLetter, ...others } = document.components.messages;
    const records = Object.values(others).filter((message) => "schema" in message.payload);
    expect(records.map((message) => message.name)).toEqual([
      ...commandSchemas.map(({ recordName }) => recordName),
      decisionsRecordName,
    ]);
    expect(foreignSchemas(document)).toEqual([]);
  });

  test.each(["fields/0", "fields/1/type", "fields/2/doc", "namespace"])(
    "a schema without its %s is another one",
    async (pointer) => {
      const document = await ask();
      const names = pointer.split("/");
      const place = at(document.components.messages.CancelOrder.payload.schema, names.slice(0, -1)) as object;
      if (Array.isArray(place)) place.splice(Number(names.at(-1)), 1);
      else Reflect.deleteProperty(place, names.at(-1) ?? "");
      expect(foreignSchemas(document)).toHaveLength(1);
    },
  );

  test("the key is a product's id", async () => {
    const { PlaceOrder } = (await ask()).components.messages;
    const isKey = ajv.compile(PlaceOrder.bindings.kafka.key);
    expect(["chair-1", "a".repeat(64), "", "a b", "a".repeat(65)].map((key) => isKey(key))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test("a dead letter's headers are those that the publisher writes", async () => {
    const { headers } = (await ask()).components.messages.DeadLetter;
    const isDeclared = ajv.compile({ ...headers, additionalProperties: false });
    const long = { offset: 7, key: null, value: Buffer.alloc(limits.letterValueBytesMax + 1), headers: {} };
    const command = { command: placeOrder(), partition: 1, offset: -9 };
    const told = await toldOf([
      letterOfRecord(0, long, "not_confluent"),
      letterOfCommand(command, "refused", 'violates check constraint "x"', (each) => simCodec.encode(each)),
    ]);
    expect(told.map((each) => Object.keys(each.headers ?? {}).length)).toEqual([6, 5]);
    for (const each of told) {
      expect(isDeclared(each.headers), JSON.stringify(isDeclared.errors)).toBe(true);
      for (const name of headers.required) expect(isDeclared({ ...each.headers, [name]: undefined }), name).toBe(false);
    }
    expect(isDeclared({ ...told[0]?.headers, "tallyman-kind": "waiting" })).toBe(false);
    expect(isDeclared({ ...told[0]?.headers, "tallyman-other": "" })).toBe(false);
  });
});

async function toldOf(letters: readonly ReturnType<typeof letterOfRecord>[]): Promise<AppendRecord[]> {
  const told: AppendRecord[] = [];
  const kept = { storedAt: 0, outcome: null, settledAt: null, redrivenAs: null, settledBecause: null };
  await new DeadLetterPublisher({
    letters: {
      unpublished: () =>
        Promise.resolve(told.length > 0 ? [] : letters.map((letter, letterId) => ({ ...letter, ...kept, letterId }))),
      markPublished: () => Promise.resolve(),
    },
    appender: { append: (records) => Promise.resolve(records.map((record) => told.push(record))) },
    partitionCount: 1,
    owned: () => [0],
    log: pino({ level: "silent" }),
    limits,
  }).round();
  return told;
}
