/** Records that other producers write and Tallyman can't decide, and why it says so. */
import { randomBytes } from "node:crypto";
import type { IHeaders } from "kafkajs";
import type { UndecodableReason } from "../../src/schemas/undecodable.ts";
import { head, rawOrder } from "../support/raw-order.ts";

/** What the cases are made of; the ids are of the registry's. */
export type Ids = {
  readonly order: number;
  readonly noCommand: number;
  readonly notAvro: number;
  readonly odd: number;
};
export type ForeignRecord = {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: IHeaders;
};
export type Case = {
  readonly what: string;
  readonly reason: UndecodableReason;
  readonly make: (ids: Ids, productId: string, orderId: string) => ForeignRecord;
};

const megabytes = 1024 * 1024;
const key = (bytes: string | Buffer): Buffer => Buffer.from(bytes);
/** Of U+D800 as a sloppy encoder writes it, and of no character at all. */
const wtf8 = Buffer.from([0x61, 0xed, 0xa0, 0x80, 0x62]);
const notUtf8 = Buffer.from([0x61, 0xff, 0xfe, 0x62]);

type Fields = NonNullable<Parameters<typeof rawOrder>[1]>;
const order = (what: string, reason: UndecodableReason, fields: Fields | ((productId: string) => Fields)): Case => ({
  what,
  reason,
  make: ({ order: schemaId }, productId, commandId) => {
    const own = typeof fields === "function" ? fields(productId) : fields;
    return { key: key(own.productId ?? productId), value: rawOrder(schemaId, { commandId, productId, ...own }) };
  },
});
const place = { latitude: 1, longitude: 2, address: null };

const texts: Case[] = [
  ["NUL", Buffer.from("a\0b")] as const,
  ["a lone surrogate", wtf8] as const,
  ["bytes that are no UTF-8", notUtf8] as const,
].flatMap(([what, bytes]) => [
  order(`${what} in the order id`, "invalid_uuid", { commandId: bytes }),
  order(`${what} in the product id`, "invalid_product_id", { productId: bytes }),
  order(`${what} in the currency`, "invalid_currency", { currency: bytes }),
  order(`${what} in the customer id`, "invalid_text", { customerId: bytes }),
  order(`${what} in the basket id`, "invalid_text", { basketId: bytes }),
  order(`${what} in the address`, "invalid_text", { deliveryLocation: { ...place, address: bytes } }),
]);

const anyHeaders: IHeaders = {
  trace: Buffer.from([0xff, 0x00, 0xfe]),
  twice: [Buffer.from("one"), Buffer.from([0x80, 0x2c])],
  empty: Buffer.alloc(0),
  "": Buffer.from("of no name"),
  "näme, with = and \0": Buffer.from("\0"),
  constructor: Buffer.from("what every object has"),
  ["__proto__"]: Buffer.from("this too"),
  toString: [Buffer.from("and this"), Buffer.from("twice")],
};

export const cases: readonly Case[] = [
  {
    what: "a key that is not the product id",
    reason: "key_mismatch",
    make: (ids, productId, commandId) => ({
      key: key(`${productId}x`),
      value: rawOrder(ids.order, { commandId, productId }),
    }),
  },
  {
    what: "no key",
    reason: "no_key",
    make: (ids, productId, commandId) => ({
      key: null,
      value: rawOrder(ids.order, { commandId, productId }),
    }),
  },
  {
    what: "an empty key",
    reason: "key_mismatch",
    make: (ids, productId, commandId) => ({
      key: Buffer.alloc(0),
      value: rawOrder(ids.order, { commandId, productId }),
    }),
  },
  {
    what: "an empty value",
    reason: "not_confluent",
    make: (_, productId) => ({ key: key(productId), value: Buffer.alloc(0) }),
  },
  { what: "a tombstone", reason: "no_value", make: (_, productId) => ({ key: key(productId), value: null }) },
  { what: "nothing at all", reason: "no_value", make: () => ({ key: null, value: null }) },
  {
    what: "text",
    reason: "not_confluent",
    make: (_, productId) => ({ key: key(productId), value: Buffer.from('{"quantity":1}') }),
  },
  {
    what: "random bytes",
    reason: "not_confluent",
    make: () => ({ key: randomBytes(9), value: Buffer.concat([Buffer.from([1]), randomBytes(300)]) }),
  },
  {
    what: "a schema id that nobody gave",
    reason: "unknown_schema_id",
    make: (_, productId) => ({
      key: key(productId),
      value: rawOrder(1_999_999_999, { productId }),
    }),
  },
  {
    what: "a schema that is no command's",
    reason: "unknown_record",
    make: ({ noCommand }, productId) => ({
      key: key(productId),
      value: Buffer.concat([head(noCommand), Buffer.from([2])]),
    }),
  },
  {
    what: "a schema that is not Avro",
    reason: "unknown_schema_id",
    make: ({ notAvro }, productId) => ({
      key: key(productId),
      value: Buffer.concat([head(notAvro), Buffer.from("{}")]),
    }),
  },
  {
    what: "a schema that our reader of Avro can't read",
    reason: "unknown_schema_id",
    make: ({ odd }, productId) => ({
      key: key(productId),
      value: Buffer.concat([head(odd), Buffer.from([2])]),
    }),
  },
  {
    what: "a head and no body",
    reason: "malformed_avro",
    make: (ids, productId) => ({ key: key(productId), value: head(ids.order) }),
  },
  {
    what: "a body of garbage",
    reason: "malformed_avro",
    make: (ids, productId) => ({
      key: key(productId),
      value: Buffer.concat([head(ids.order), Buffer.alloc(64, 0xff)]),
    }),
  },
  {
    what: "an order without its last byte",
    reason: "malformed_avro",
    make: (ids, productId, commandId) => ({
      key: key(productId),
      value: rawOrder(ids.order, { commandId, productId }).subarray(0, -1),
    }),
  },
  {
    what: "an order and a byte more",
    reason: "malformed_avro",
    make: (ids, productId, commandId) => ({
      key: key(productId),
      value: Buffer.concat([rawOrder(ids.order, { commandId, productId }), Buffer.from([0])]),
    }),
  },
  {
    what: "10 MB of random bytes",
    reason: "not_confluent",
    make: (_, productId) => ({
      key: key(productId),
      value: Buffer.concat([Buffer.from([1]), randomBytes(10 * megabytes)]),
    }),
  },
  order("an address of 10 MB", "text_too_long", {
    deliveryLocation: { ...place, address: Buffer.alloc(10 * megabytes, "a") },
  }),
  ...texts,
  order("an order id that is no UUID", "invalid_uuid", { commandId: "42" }),
  order("an order id with braces", "invalid_uuid", { commandId: "{00000000-0000-4000-8000-000000000001}" }),
  order("an empty product id", "invalid_product_id", { productId: "" }),
  order("a currency in small letters", "invalid_currency", { currency: "eur" }),
  order("a price below nothing", "number_out_of_range", { unitPriceCents: -1n }),
  order("a price beyond an int", "number_out_of_range", { unitPriceCents: 2n ** 40n }),
  order("a quantity of one more than an int holds", "number_out_of_range", { quantity: 2n ** 31n }),
  order("a quantity of one less than an int holds", "number_out_of_range", { quantity: -(2n ** 31n) - 1n }),
  order("a quantity of as much as a long holds", "number_out_of_range", { quantity: 2n ** 63n - 1n }),
  order("a time before 1970", "number_out_of_range", { issuedAt: -1n }),
  order("a time after the year 9999", "number_out_of_range", { issuedAt: 253_402_300_800_000n }),
  order("a latitude that is no number", "number_out_of_range", { deliveryLocation: { ...place, latitude: NaN } }),
  order("an infinite longitude", "number_out_of_range", { deliveryLocation: { ...place, longitude: Infinity } }),
  {
    what: "headers of any bytes",
    reason: "not_confluent",
    make: (_, productId) => ({
      key: key(productId),
      value: Buffer.from("with headers"),
      headers: anyHeaders,
    }),
  },
  {
    what: "20,000 headers",
    reason: "not_confluent",
    make: (_, productId) => ({
      key: key(productId),
      value: Buffer.from("with many headers"),
      headers: Object.fromEntries(Array.from({ length: 20_000 }, (_each, n) => [`h${n}`, Buffer.from(String(n))])),
    }),
  },
];
