import avro from "avsc";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import { createCommandCodec, type CommandCodec } from "../../src/schemas/codec.ts";
import { commandSchemas } from "../../src/schemas/command-schemas.ts";
import type { Command, PlaceOrder } from "../../src/schemas/commands.ts";
import { createMemorySchemaSource } from "../../src/schemas/memory-schema-source.ts";
import { SchemaSourceUnavailable, SchemaUnknown, type SchemaSource } from "../../src/schemas/schema-source.ts";

const order: PlaceOrder = {
  type: "PlaceOrder",
  commandId: "0f8b3c1e-5d7a-4f66-9a31-2c7d1c0b9e01",
  productId: "apples",
  quantity: 3,
  unitPriceCents: 349,
  currency: "EUR",
  customerId: "c",
  basketId: null,
  deliveryLocation: { latitude: 1, longitude: 2, address: "Main Street 1" },
  issuedAt: 1_763_812_800_123,
};

const codecOf = (source: SchemaSource = createMemorySchemaSource()): Promise<CommandCodec> =>
  createCommandCodec(source);
const decodeOwn = async (command: Command) => {
  const codec = await codecOf();
  return codec.decode(Buffer.from(command.productId), codec.encode(command));
};

const uuids = fc.uuid();
const productIds = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const texts = (charsMax: number) =>
  fc.option(
    fc.string({ unit: "grapheme", maxLength: charsMax }).filter((t) => t.length <= charsMax && !t.includes("\0")),
  );
const issuedAts = fc.integer({ min: 0, max: 253_402_300_799_999 });
const common = { commandId: uuids, productId: productIds, issuedAt: issuedAts };
const commands: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    ...common,
    type: fc.constant("PlaceOrder"),
    quantity: int32,
    unitPriceCents: fc.integer({ min: 0, max: limits.priceCentsMax }),
    currency: fc.stringMatching(/^[A-Z]{3}$/),
    customerId: texts(limits.customerIdCharsMax),
    basketId: texts(limits.basketIdCharsMax),
    deliveryLocation: fc.option(
      fc.record({
        latitude: fc.double({ min: -90, max: 90, noNaN: true }),
        longitude: fc.double({ min: -180, max: 180, noNaN: true }),
        address: texts(limits.addressCharsMax),
      }),
    ),
  }),
  fc.record({ ...common, type: fc.constant("CancelOrder"), orderId: uuids }),
  fc.record({
    ...common,
    type: fc.constant("ReceiveStock"),
    quantity: int32,
    reference: texts(limits.referenceCharsMax),
  }),
  fc.record({
    ...common,
    type: fc.constant("CountStock"),
    quantity: int32,
    // avsc writes longs up to one less than the largest safe integer.
    asOfVersion: fc.option(fc.nat(Number.MAX_SAFE_INTEGER - 1)),
    reference: texts(limits.referenceCharsMax),
  }),
  fc.record({
    ...common,
    type: fc.constantFrom("ArchiveProduct", "RestoreProduct"),
    actor: texts(limits.actorCharsMax),
  }),
  fc.record({ ...common, type: fc.constant("PackOrder"), orderId: uuids, actor: texts(limits.actorCharsMax) }),
);

describe("encode and decode", () => {
  test("every valid command comes back as it was, out of bounds quantities too", async () => {
    const codec = await codecOf();
    fc.assert(
      fc.property(commands, (command) => {
        const decoded = codec.decode(Buffer.from(command.productId), codec.encode(command));
        expect(decoded).toEqual({ kind: "command", command });
      }),
    );
  });

  test("whatever the bytes are, decode answers", async () => {
    const codec = await codecOf();
    const heads = fc.integer({ min: 1, max: 5 }).map((id) => Buffer.from([0, 0, 0, 0, id]));
    const bytes = fc.uint8Array({ maxLength: 200 });
    const values = fc.oneof(
      bytes,
      fc.tuple(heads, bytes).map(([head, tail]) => Buffer.concat([head, tail])),
    );
    fc.assert(
      fc.property(values, (value) => {
        expect(["undecodable", "unknown_schema", "command"]).toContain(
          codec.decode(Buffer.from("p"), Buffer.from(value)).kind,
        );
      }),
    );
  });

  test("a value cut short or gone on is malformed", async () => {
    const codec = await codecOf();
    const value = codec.encode(order);
    const key = Buffer.from(order.productId);
    for (let length = 5; length < value.length; length++) {
      expect(codec.decode(key, value.subarray(0, length))).toEqual({ kind: "undecodable", reason: "malformed_avro" });
    }
    const longer = Buffer.concat([value, Buffer.from([0])]);
    expect(codec.decode(key, longer)).toEqual({ kind: "undecodable", reason: "malformed_avro" });
  });

  test("ids are spelled in lower case", async () => {
    const decoded = await decodeOwn({ ...order, commandId: order.commandId.toUpperCase() });
    expect(decoded).toEqual({ kind: "command", command: order });
  });

  test("a command longer than the scratch memory is encoded all the same", async () => {
    const codec = await codecOf();
    const value = codec.encode({ ...order, customerId: "x".repeat(100_000) });
    expect(codec.decode(Buffer.from("apples"), value)).toEqual({ kind: "undecodable", reason: "text_too_long" });
  });

  test("encoded commands do not share their bytes", async () => {
    const codec = await codecOf();
    const first = codec.encode(order);
    const before = first.toString("hex");
    codec.encode({ ...order, quantity: 99, customerId: "somebody else" });
    expect(first.toString("hex")).toBe(before);
  });

  test("a command outlives the bytes it came from (kafkajs hazard 13)", async () => {
    const codec = await codecOf();
    const value = codec.encode(order);
    const key = Buffer.from(order.productId);
    const decoded = codec.decode(key, value);
    value.fill(0x41);
    key.fill(0x41);
    expect(decoded).toEqual({ kind: "command", command: order });
  });
});

describe("what PostgreSQL or the rules refuse is undecodable (P7)", () => {
  test.each<[string, Partial<PlaceOrder>, string]>([
    ["an id that is no UUID", { commandId: "17" }, "invalid_uuid"],
    ["an id with a line break after it", { commandId: `${order.commandId}\n` }, "invalid_uuid"],
    ["an empty product id", { productId: "" }, "invalid_product_id"],
    ["a product id too long", { productId: "p".repeat(65) }, "invalid_product_id"],
    ["a product id beyond ASCII", { productId: "äpfel" }, "invalid_product_id"],
    ["NUL in a text", { customerId: "a\0b" }, "invalid_text"],
    ["NUL in an address", { deliveryLocation: { latitude: 0, longitude: 0, address: "\0" } }, "invalid_text"],
    ["a text too long", { basketId: "b".repeat(limits.basketIdCharsMax + 1) }, "text_too_long"],
    ["a negative price", { unitPriceCents: -1 }, "number_out_of_range"],
    ["a price too high", { unitPriceCents: limits.priceCentsMax + 1 }, "number_out_of_range"],
    ["a currency that is none", { currency: "eur" }, "invalid_currency"],
    [
      "a latitude beyond the pole",
      { deliveryLocation: { latitude: 90.1, longitude: 0, address: null } },
      "number_out_of_range",
    ],
    ["no number", { deliveryLocation: { latitude: 0, longitude: NaN, address: null } }, "number_out_of_range"],
    ["a time before 1970", { issuedAt: -1 }, "number_out_of_range"],
    ["a time after the year 9999", { issuedAt: 253_402_300_800_000 }, "number_out_of_range"],
  ])("%s", async (_what, change, reason) => {
    expect(await decodeOwn({ ...order, ...change })).toEqual({ kind: "undecodable", reason });
  });

  test("a lone surrogate never gets through: UTF-8 has none", async () => {
    const decoded = await decodeOwn({ ...order, customerId: "a\ud800b" });
    expect(decoded).toEqual({ kind: "undecodable", reason: "invalid_text" });
  });

  test("bytes that are no UTF-8 are no text, and the character that stands for them is one", async () => {
    const codec = await codecOf();
    const value = codec.encode({ ...order, customerId: "a\ufffdb", basketId: "xxxx" });
    const key = Buffer.from("apples");
    expect(codec.decode(key, value)).toMatchObject({ kind: "command", command: { customerId: "a\ufffdb" } });
    for (const bytes of ["ff666f6f", "eda08078", "78c0af78", "7878e282"]) {
      const bad = Buffer.from(value.toString("hex").replace("78787878", bytes), "hex");
      expect(codec.decode(key, bad)).toEqual({ kind: "undecodable", reason: "invalid_text" });
    }
  });

  test("a schema that can't be read, of whatever source, is certain", async () => {
    const source: SchemaSource = { ...createMemorySchemaSource(), schemaById: () => Promise.resolve('{"type":"odd"}') };
    const codec = await codecOf(source);
    await codec.learn(77);
    const value = Buffer.from([0, 0, 0, 0, 77, 2]);
    expect(codec.decode(Buffer.from("apples"), value)).toEqual({ kind: "undecodable", reason: "incompatible_schema" });
  });

  test("an int longer than 32 bits", async () => {
    // The same record with longs where ours has ints: what a broken producer may send under our schema's id.
    const codec = await codecOf();
    const text = commandSchemas[2]?.text.replace('"type": "int"', '"type": "long"') ?? "";
    const wide = avro.Type.forSchema(JSON.parse(text) as avro.Schema);
    const stock = { ...order, type: "ReceiveStock", quantity: 2 ** 31, reference: null };
    const value = Buffer.concat([Buffer.from([0, 0, 0, 0, 3]), wide.toBuffer(stock)]);
    expect(codec.decode(Buffer.from("apples"), value)).toEqual({ kind: "undecodable", reason: "number_out_of_range" });
  });

  test.each([
    ["another product", Buffer.from("pears"), "key_mismatch"],
    ["the beginning of it", Buffer.from("apple"), "key_mismatch"],
    ["empty", Buffer.alloc(0), "key_mismatch"],
    ["missing", null, "no_key"],
  ])("a key that is %s", async (_what, key, reason) => {
    const codec = await codecOf();
    expect(codec.decode(key, codec.encode(order))).toEqual({ kind: "undecodable", reason });
  });

  test.each([
    ["nothing", null, "no_value"],
    ["too short", Buffer.from([0, 0, 0]), "not_confluent"],
    ["JSON", Buffer.from('{"quantity":3}'), "not_confluent"],
  ])("a value that is %s", async (_what, value, reason) => {
    const codec = await codecOf();
    expect(codec.decode(Buffer.from("apples"), value)).toEqual({ kind: "undecodable", reason });
  });
});

describe("learn", () => {
  const value = Buffer.from([0, 0, 0, 0, 77, 2, 65]);
  const key = Buffer.from("p");
  /** Our schemas have ids from 1; every other id is answered by `other`. */
  const sourceWith = (other: () => Promise<string>): SchemaSource & { asked: number } => {
    const source = {
      ...createMemorySchemaSource(),
      asked: 0,
      schemaById: () => {
        source.asked++;
        return other();
      },
    };
    return source;
  };

  test("an unknown id is said, learned once for all who ask, and remembered (kafkajs hazard 16)", async () => {
    const source = sourceWith(() => Promise.reject(new SchemaUnknown("no such id")));
    const codec = await codecOf(source);
    expect(codec.decode(key, value)).toEqual({ kind: "unknown_schema", schemaId: 77 });
    await Promise.all([codec.learn(77), codec.learn(77), codec.learn(77)]);
    await codec.learn(77);
    expect(source.asked).toBe(1);
    expect(codec.decode(key, value)).toEqual({ kind: "undecodable", reason: "unknown_schema_id" });
  });

  test("a source that is away is no answer: the next try asks again", async () => {
    let away = true;
    const schema = commandSchemas[1]?.text ?? "";
    const source = sourceWith(() =>
      away ? Promise.reject(new SchemaSourceUnavailable("away")) : Promise.resolve(schema),
    );
    const codec = await codecOf(source);
    await expect(codec.learn(77)).rejects.toMatchObject({ retryable: true });
    expect(codec.decode(key, value)).toEqual({ kind: "unknown_schema", schemaId: 77 });
    away = false;
    await codec.learn(77);
    expect(codec.decode(key, value).kind).toBe("undecodable"); // Read as a CancelOrder, which these bytes are not.
    expect(source.asked).toBe(2);
  });

  test.each([
    ["another record", '{"type":"record","name":"tallyman.commands.Refund","fields":[]}', "unknown_record"],
    ["no record", '"string"', "unknown_record"],
    [
      "a schema ours can't read",
      '{"type":"record","name":"tallyman.commands.CancelOrder","fields":[]}',
      "incompatible_schema",
    ],
  ])("%s is undecodable", async (_what, schema, reason) => {
    const codec = await codecOf(sourceWith(() => Promise.resolve(schema)));
    await codec.learn(77);
    expect(codec.decode(key, value)).toEqual({ kind: "undecodable", reason });
  });

  test("a later version with a field more is read", async () => {
    const later = JSON.parse(commandSchemas[1]?.text ?? "") as { fields: object[] };
    later.fields.push({ name: "why", type: ["null", "string"], default: null });
    const codec = await codecOf(sourceWith(() => Promise.resolve(JSON.stringify(later))));
    await codec.learn(77);
    const cancel = {
      commandId: order.commandId,
      productId: "p",
      orderId: order.commandId,
      issuedAt: 5,
      why: "changed my mind",
    };
    const bytes = avro.Type.forSchema(later as unknown as avro.Schema).toBuffer(cancel);
    const { why: _why, ...expected } = cancel;
    expect(codec.decode(key, Buffer.concat([Buffer.from([0, 0, 0, 0, 77]), bytes]))).toEqual({
      kind: "command",
      command: { type: "CancelOrder", ...expected },
    });
  });
});
