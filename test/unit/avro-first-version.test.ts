import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createCommandCodec } from "../../src/schemas/codec.ts";
import { commandSchemas, commandTypes, parseAvroType } from "../../src/schemas/command-schemas.ts";
import type { Command } from "../../src/schemas/commands.ts";

// The bytes in fixtures/avro/v1 were written once, by the first version of the schemas, which lie beside them. Neither
// may ever change: somewhere there is a log that begins with such records. Schema ids 1 to 5 are those of commandTypes.
const folder = new URL("../fixtures/avro/v1/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), "utf8");
const schemaOf = (id: number): string => read(`${String(commandTypes[id - 1])}.avsc`);
const names = readdirSync(folder).flatMap((name) => (name.endsWith(".hex") ? [name.slice(0, -".hex".length)] : []));

/** A registry in which our schemas got other ids than the first version's. */
const laterRegistry = () => {
  let ids = 100;
  return { schemaById: (id: number) => Promise.resolve(schemaOf(id)), register: () => Promise.resolve(++ids) };
};

describe("the first version's bytes", () => {
  test("are there for every command", () => {
    const types = names.map((name) => (JSON.parse(read(`${name}.json`)) as Command).type);
    expect(new Set(types)).toEqual(new Set(commandTypes));
  });

  test.each(names)("%s is read as what was written", async (name) => {
    const codec = await createCommandCodec(laterRegistry());
    const command = JSON.parse(read(`${name}.json`)) as Command;
    const value = Buffer.from(read(`${name}.hex`).trim(), "hex");
    const key = Buffer.from(command.productId);
    expect(codec.decode(key, value)).toEqual({ kind: "unknown_schema", schemaId: value.readInt32BE(1) });
    await codec.learn(value.readInt32BE(1));
    expect(codec.decode(key, value)).toEqual({ kind: "command", command });
  });

  test.each(commandSchemas)("$commandType of today is read by the first version", ({ commandType, type }) => {
    const first = parseAvroType(read(`${commandType}.avsc`));
    expect(() => first.createResolver(type)).not.toThrow();
    expect(() => type.createResolver(first)).not.toThrow();
  });
});
