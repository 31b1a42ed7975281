import { describe, expect, test } from "vitest";
import { commandSchemas } from "../../src/schemas/command-schemas.ts";
import { schemaDifferences } from "../../src/schemas/schema-differences.ts";

type Field = { name: string; doc?: string; type: unknown; default?: unknown };
type RecordSchema = { type: "record"; name: string; namespace?: string; doc?: string; fields: Field[] };

const recordsIn = (schema: unknown): RecordSchema[] => {
  if (Array.isArray(schema)) return schema.flatMap(recordsIn);
  if (typeof schema !== "object" || schema === null || !("fields" in schema)) return [];
  const record = schema as RecordSchema;
  return [record, ...record.fields.flatMap(({ type }) => recordsIn(type))];
};

describe.each(commandSchemas)("$recordName", ({ text, recordName, type }) => {
  const [record, ...nested] = recordsIn(JSON.parse(text));

  test("bears its name, which is also its subject", () => {
    expect(type.name).toBe(recordName);
    expect(`${record?.namespace ?? ""}.${record?.name ?? ""}`).toBe(recordName);
  });

  test("says of itself and of every field what it is", () => {
    for (const { name, doc, fields } of [...(record ? [record] : []), ...nested]) {
      expect(doc, name).toMatch(/\.$/);
      for (const field of fields) expect(field.doc, `${name}.${field.name}`).toMatch(/.{10,}\.$/s);
    }
  });

  test("whatever may be missing is null first, and by default", () => {
    for (const field of [record, ...nested].flatMap((each) => each?.fields ?? [])) {
      if (!Array.isArray(field.type)) continue;
      expect(field.type[0], field.name).toBe("null");
      expect(field.default, field.name).toBeNull();
    }
  });
});

const schema = (...fields: object[]): string => JSON.stringify({ type: "record", name: "R", namespace: "t", fields });
const name = { name: "name", type: "string" };
const place = (...fields: object[]): object => ({
  name: "place",
  type: ["null", { type: "record", name: "Place", fields }],
  default: null,
});

describe("schemaDifferences", () => {
  test.each([
    ["the same", schema(name), schema(name), []],
    ["a field more, with a default", schema(name), schema(name, { name: "n", type: "int", default: 0 }), []],
    ["a field less, with a default", schema(name, { name: "n", type: "int", default: 0 }), schema(name), []],
    ["a field more", schema(name), schema(name, { name: "n", type: "int" }), ["n is new and has no default"]],
    ["a field less", schema(name, { name: "n", type: "int" }), schema(name), ["n was removed, but had no default"]],
    [
      "another type",
      schema(name),
      schema({ name: "name", type: ["null", "int"] }),
      ["name changed from string to null or int"],
    ],
    [
      "a wider type, which old readers can't take",
      schema({ name: "n", type: "int" }),
      schema({ name: "n", type: "long" }),
      ["n changed from int to long"],
    ],
    [
      "a nested field",
      schema(place({ name: "x", type: "double" })),
      schema(place({ name: "x", type: "double" }, { name: "y", type: "double" })),
      ["place.y is new and has no default"],
    ],
    [
      "a renamed field",
      schema(name),
      schema({ name: "title", type: "string" }),
      ["title is new and has no default", "name was removed, but had no default"],
    ],
    ["no record any more", schema(name), '"string"', ["it changed from R to string"]],
  ])("%s", (_what, older, newer, differences) => {
    expect(schemaDifferences(older, newer)).toEqual(differences);
  });
});
