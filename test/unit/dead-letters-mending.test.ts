import { describe, expect, test } from "vitest";
import { placeFrom, placeText, redriveId } from "../../src/dead-letters/letter-places.ts";
import { mend, settingFrom } from "../../src/dead-letters/mending.ts";
import type { Setting } from "../../src/dead-letters/mending.ts";
import { createCommandCodec } from "../../src/schemas/codec.ts";
import type { Command } from "../../src/schemas/commands.ts";
import { readLoosely } from "../../src/schemas/loose-records.ts";
import type { LooseRecord } from "../../src/schemas/loose-records.ts";
import { createMemorySchemaSource } from "../../src/schemas/memory-schema-source.ts";
import { SchemaSourceUnavailable } from "../../src/schemas/schema-source.ts";
import { cancelOrder, placeOrder, uuidOf } from "../support/commands.ts";

const source = createMemorySchemaSource();
const codec = await createCommandCodec(source);
const record = (command: Command): Promise<LooseRecord> => readLoosely(source, codec.encode(command));
const set = (...texts: string[]): Setting[] =>
  texts.map((text) => settingFrom(text) ?? expect.unreachable(`${text} is a setting`));
const newId = uuidOf(99);
const location = { latitude: 200, longitude: 2, address: null };

describe("places", () => {
  test("are written and read", () => {
    expect(placeFrom(placeText({ partition: 3, offset: 17 }))).toEqual({ partition: 3, offset: 17 });
    for (const text of ["", "3", "3:", ":17", "3:17:1", "-1:2", "a:b", "3:17 "])
      expect(placeFrom(text)).toBe(undefined);
  });

  test("make the id of a redriven command: the same one each time, and for ever", () => {
    expect(redriveId({ partition: 3, offset: 17 })).toBe("cf434f96-6650-5864-9dc8-0f89294f7be0");
    expect(redriveId({ partition: 31, offset: 7 })).not.toBe(redriveId({ partition: 3, offset: 17 }));
  });
});

describe("settings", () => {
  test("are a field and its value, which may have anything in it", () => {
    expect(settingFrom("quantity=3")).toEqual({ path: ["quantity"], text: "3" });
    expect(settingFrom("deliveryLocation.address=a=b")).toEqual({ path: ["deliveryLocation", "address"], text: "a=b" });
    expect(settingFrom("reference=")).toEqual({ path: ["reference"], text: "" });
    for (const text of ["quantity", "=3", "", "a..b=1", ".a=1", "a.=1"]) expect(settingFrom(text)).toBe(undefined);
  });
});

describe("a record that is mended", () => {
  test("is the same command with a new id, its key made from its product", async () => {
    const order = placeOrder({ commandId: "no uuid", quantity: 3, customerId: "ada" });
    expect(mend(await record(order), [], newId)).toEqual({ kind: "command", command: { ...order, commandId: newId } });
  });

  test("has the fields that are set, each as its type has it", async () => {
    const order = await record(placeOrder({ quantity: 3, customerId: "ada", deliveryLocation: location }));
    const settings = set(
      "quantity=4",
      "customerId=null",
      "basketId=7",
      "deliveryLocation.latitude=48.5",
      "currency=USD",
    );
    expect(mend(order, settings, newId)).toMatchObject({
      kind: "command",
      command: {
        quantity: 4,
        customerId: null,
        basketId: "7",
        deliveryLocation: { ...location, latitude: 48.5 },
        currency: "USD",
      },
    });
    const none = mend(order, set("deliveryLocation=null"), newId);
    expect(none).toMatchObject({ kind: "command", command: { deliveryLocation: null } });
    const whole = mend(order, set('deliveryLocation={"latitude":1,"longitude":2,"address":"x"}'), newId);
    expect(whole).toMatchObject({ kind: "command", command: { deliveryLocation: { address: "x" } } });
  });

  test.each([
    ["price=3", "no_such_field"],
    ["deliveryLocation.height=3", "no_such_field"],
    ["deliveryLocation.__proto__.x=3", "no_such_field"],
    ["quantity.x=3", "no_such_field"],
    ["type=CancelOrder", "no_such_field"],
    ["quantity=many", "wrong_type"],
    ["quantity=1.5", "wrong_type"],
    ["quantity=null", "wrong_type"],
    ["deliveryLocation.latitude=north", "wrong_type"],
    ["unitPriceCents=-1", "number_out_of_range"],
    ["currency=euros", "invalid_currency"],
    ["productId=a b", "invalid_product_id"],
  ])("%s is %s", async (text, code) => {
    const order = await record(placeOrder({ deliveryLocation: { ...location, latitude: 20 } }));
    expect(mend(order, set(text), newId)).toMatchObject({ kind: "broken", code });
  });

  test("is told why it is no command where no field of it can be set", async () => {
    const foreign = await source.register('{"type":"record","name":"Foreign","fields":[{"name":"n","type":"int"}]}');
    const head = Buffer.from([0, 0, 0, 0, foreign]);
    expect(await readLoosely(source, Buffer.concat([head, Buffer.from([6])]))).toMatchObject({
      schemaName: "Foreign",
      content: { n: 3 },
      reason: "unknown_record",
    });
    const value = codec.encode(cancelOrder());
    const broken: [Buffer | null, string][] = [
      [null, "no_value"],
      [Buffer.from("text"), "not_confluent"],
      [Buffer.from([0, 0, 0, 0, 77, 1]), "unknown_schema_id"],
      [value.subarray(0, -1), "malformed_avro"],
      [Buffer.concat([value, Buffer.from([0])]), "malformed_avro"],
    ];
    for (const [bytes, reason] of broken) {
      const loose = await readLoosely(source, bytes);
      expect(loose).toMatchObject({ reason, content: undefined });
      expect(mend(loose, set("quantity=3"), newId)).toMatchObject({ kind: "broken", code: reason });
    }
  });

  test("written with a schema that ours can't read shows what it says, and can't be mended", async () => {
    const older = JSON.stringify({
      type: "record",
      name: "tallyman.commands.ResumeProduct",
      fields: ["commandId", "productId"].map((name) => ({ name, type: "string" })),
    });
    const id = await source.register(older);
    const value = Buffer.concat([Buffer.from([0, 0, 0, 0, id]), Buffer.from([2, 97, 2, 98])]);
    const loose = await readLoosely(source, value);
    expect(loose).toMatchObject({ content: { commandId: "a" }, reason: "incompatible_schema" });
    expect(mend(loose, [], newId)).toMatchObject({ kind: "broken", code: "incompatible_schema" });
  });

  test("whose schema can't be asked for is not judged", async () => {
    const away = { schemaById: () => Promise.reject(new SchemaSourceUnavailable("away")) };
    await expect(readLoosely(away, codec.encode(cancelOrder()))).rejects.toBeInstanceOf(SchemaSourceUnavailable);
  });
});
