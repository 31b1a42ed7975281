import { describe, expect, test } from "vitest";
import { simCodec } from "../../src/simulation/sim-codec.ts";
import { cancelOrder, countStock, placeOrder, receiveStock, resumeProduct } from "../support/commands.ts";

const key = Buffer.from("p1");
const decode = (value: unknown, by: Buffer | null = key) =>
  simCodec.decode(by, Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));

describe("the simulation's codec", () => {
  test.each([placeOrder(), cancelOrder(), receiveStock(), countStock(), resumeProduct()])("reads $type", (command) => {
    expect(simCodec.decode(key, simCodec.encode(command))).toEqual({ kind: "command", command });
  });

  test.each<[string, unknown, (Buffer | null)?]>([
    ["no_key", placeOrder(), null],
    ["not_confluent", "not a command"],
    ["not_confluent", "{"],
    ["not_confluent", "null"],
    ["unknown_record", { type: "Order" }],
    ["unknown_record", {}],
    ["malformed_avro", { type: "PlaceOrder" }],
    ["malformed_avro", { ...placeOrder(), quantity: "three" }],
    ["invalid_uuid", placeOrder({ commandId: "1" })],
    ["key_mismatch", placeOrder({ productId: "p2" })],
    ["invalid_currency", placeOrder({ currency: "euro" })],
  ])("%s", (reason, value, by = key) => {
    expect(decode(value, by)).toEqual({ kind: "undecodable", reason });
  });

  test("no_value", () => {
    expect(simCodec.decode(key, null)).toEqual({ kind: "undecodable", reason: "no_value" });
  });
});
