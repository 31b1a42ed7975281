/** Known bytes of PostgreSQL's binary array format; the contract suite sends drawn values through a real server. */
import { describe, expect, test } from "vitest";
import {
  boolArray,
  int4Array,
  int8Array,
  textArray,
  timestampArray,
  uuidArray,
} from "../../src/stores/postgres/binary-arrays.ts";
import { uuidOf } from "../support/commands.ts";

/** Dimensions, null flag, element type; then, if there are elements, how many and the lower bound. */
const head = (type: number, count: number) =>
  [count === 0 ? 0 : 1, 1, type, ...(count === 0 ? [] : [count, 1])].map(word).join("");
const word = (value: number) => value.toString(16).padStart(8, "0");
const types = { bool: 16, int8: 20, int4: 23, text: 25, timestamptz: 1184, uuid: 2950 };

describe("bytes", () => {
  test("an empty array has no dimension", () => {
    expect(int4Array([]).toString("hex")).toBe(head(types.int4, 0));
    expect(int8Array([]).toString("hex")).toBe(head(types.int8, 0));
    expect(textArray([]).toString("hex")).toBe(head(types.text, 0));
    expect(uuidArray([]).toString("hex")).toBe(head(types.uuid, 0));
    expect(timestampArray([]).toString("hex")).toBe(head(types.timestamptz, 0));
  });

  test("bool", () => {
    const values = "00000001" + "01" + "00000001" + "00";
    expect(boolArray([true, false]).toString("hex")).toBe(head(types.bool, 2) + values);
  });

  test("int4, both ends", () => {
    const values = "00000004" + "80000000" + "00000004" + "ffffffff" + "00000004" + "7fffffff";
    expect(int4Array([-(2 ** 31), -1, 2 ** 31 - 1]).toString("hex")).toBe(head(types.int4, 3) + values);
  });

  test.each([
    [0, "0000000000000000"],
    [-1, "ffffffffffffffff"],
    [2 ** 32, "0000000100000000"],
    [-(2 ** 32), "ffffffff00000000"],
    [-(2 ** 32) - 1, "fffffffeffffffff"],
    [2 ** 32 - 1, "00000000ffffffff"],
    [Number.MAX_SAFE_INTEGER, "001fffffffffffff"],
    [Number.MIN_SAFE_INTEGER, "ffe0000000000001"],
  ])("int8 %i", (value, bytes) => {
    expect(int8Array([value]).toString("hex")).toBe(head(types.int8, 1) + "00000008" + bytes);
  });

  test("text: null, empty and characters of one to four bytes", () => {
    const values = "ffffffff" + "00000000" + "0000000a" + "61c3a9e282acf09f9982";
    expect(textArray([null, "", "aé€🙂"]).toString("hex")).toBe(head(types.text, 3) + values);
  });

  test("uuid", () => {
    const id = "0190f3a1-2b4c-7d5e-8f60-718293a4b5c6";
    expect(uuidArray([id]).toString("hex")).toBe(head(types.uuid, 1) + "00000010" + id.replaceAll("-", ""));
  });

  test.each([
    ["2000-01-01T00:00:00.000Z", 0n],
    ["1999-12-31T23:59:59.999Z", -1_000n],
    ["1970-01-01T00:00:00.000Z", -946_684_800_000_000n],
    ["2026-01-02T03:04:05.678Z", 820_638_245_678_000n],
    // Microseconds beyond what a number holds exactly.
    ["2286-01-01T00:00:00.001Z", 9_025_344_000_001_000n],
    ["9999-12-31T23:59:59.999Z", 252_455_615_999_999_000n],
  ])("timestamptz %s counts microseconds from 2000", (time, microseconds) => {
    const encoded = timestampArray([Date.parse(time)]);
    expect(encoded.readBigInt64BE(24)).toBe(microseconds);
  });
});

describe("what does not fit throws, so that nothing else than the value is ever stored", () => {
  test.each([2 ** 31, -(2 ** 31) - 1, 0.5, NaN, Infinity])("int4 %d", (value) => {
    expect(() => int4Array([value])).toThrow(RangeError);
  });
  test.each([2 ** 53, -(2 ** 53), 0.5, NaN, Infinity])("int8 %d", (value) => {
    expect(() => int8Array([value])).toThrow(RangeError);
  });
  test.each([0.5, NaN, 2 ** 54])("timestamptz %d", (value) => {
    expect(() => timestampArray([value])).toThrow(RangeError);
  });
  test.each(["", "1234", `${uuidOf(1)}00`, uuidOf(1).replace("4", "g"), "{uuid}"])("uuid '%s'", (value) => {
    expect(() => uuidArray([value])).toThrow(RangeError);
  });
});
