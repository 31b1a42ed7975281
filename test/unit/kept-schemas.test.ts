import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { createKeptSchemas } from "../../src/schemas/kept-schemas.ts";
import type { SchemaKeeper } from "../../src/schemas/kept-schemas.ts";
import { commandSchemas } from "../../src/schemas/command-schemas.ts";
import { createMemorySchemaSource } from "../../src/schemas/memory-schema-source.ts";
import { SchemaIdTaken, SchemaSourceUnavailable, SchemaUnknown } from "../../src/schemas/schema-source.ts";
import type { SchemaSource } from "../../src/schemas/schema-source.ts";

const [order = "", cancel = ""] = commandSchemas.map(({ text }) => text);
const away = () => Promise.reject(new SchemaSourceUnavailable("away"));
const noRegistry: SchemaSource = { schemaById: away, register: away };

function memoryKeeper(): SchemaKeeper & { readonly kept: Map<number, string> } {
  const kept = new Map<number, string>();
  return {
    kept,
    schemaOf: (id) => Promise.resolve(kept.get(id) ?? null),
    idOf: (schema) => Promise.resolve([...kept].find(([, text]) => text === schema)?.[0] ?? null),
    keep: (id, schema) => {
      if (!kept.has(id)) kept.set(id, schema);
      return Promise.resolve(kept.get(id) ?? schema);
    },
  };
}

function over(registry: SchemaSource, keeper: SchemaKeeper = memoryKeeper()) {
  const warnings: unknown[] = [];
  const log = pino({ level: "warn" }, { write: (text) => warnings.push(JSON.parse(text)) });
  return { schemas: createKeptSchemas(registry, keeper, log), keeper, warnings };
}

describe("schemas that were seen are kept (P14)", () => {
  it("needs no registry for what was registered or read before", async () => {
    const registry = createMemorySchemaSource();
    const { schemas, keeper } = over(registry);
    const foreign = await registry.register(cancel);
    const id = await schemas.register(order);
    expect(await schemas.schemaById(foreign)).toBe(cancel);
    const later = over(noRegistry, keeper).schemas;
    expect(await later.register(order)).toBe(id);
    expect([await later.schemaById(id), await later.schemaById(foreign)]).toEqual([order, cancel]);
    await expect(later.schemaById(77)).rejects.toBeInstanceOf(SchemaSourceUnavailable);
    await expect(later.register('{"type":"record","name":"New","fields":[]}')).rejects.toBeInstanceOf(
      SchemaSourceUnavailable,
    );
  });

  it("says so when the registry was emptied, and goes on", async () => {
    const { schemas, keeper } = over(createMemorySchemaSource());
    const id = await schemas.register(order);
    const emptied = over(createMemorySchemaSource(), keeper);
    expect(await emptied.schemas.register(order)).toBe(id);
    await expect.poll(() => emptied.warnings).toMatchObject([{ schemaId: id }]);
  });

  it("says so too when the registry has another schema under the id, and says nothing when it has this one", async () => {
    const { schemas, keeper } = over(createMemorySchemaSource());
    const id = await schemas.register(order);
    const other = over({ ...createMemorySchemaSource(), schemaById: () => Promise.resolve(cancel) }, keeper);
    expect(await other.schemas.register(order)).toBe(id);
    await expect.poll(() => other.warnings).toMatchObject([{ schemaId: id }]);
    const spaced = JSON.stringify(JSON.parse(order), null, 3);
    const same = over({ ...createMemorySchemaSource(), schemaById: () => Promise.resolve(spaced) }, keeper);
    expect(await same.schemas.register(order)).toBe(id);
    await new Promise((resolve) => setImmediate(resolve));
    expect(same.warnings).toEqual([]);
  });

  it("does not remember what the registry does not know", async () => {
    const registry = createMemorySchemaSource();
    const { schemas } = over(registry);
    await expect(schemas.schemaById(1)).rejects.toBeInstanceOf(SchemaUnknown);
    await registry.register(order);
    expect(await schemas.schemaById(1)).toBe(order);
  });

  it("refuses an id that another schema has on the log", async () => {
    const { schemas, keeper } = over(createMemorySchemaSource());
    expect(await schemas.register(order)).toBe(1);
    await expect(over(createMemorySchemaSource(), keeper).schemas.register(cancel)).rejects.toBeInstanceOf(
      SchemaIdTaken,
    );
  });

  it("takes the same schema in another spelling for the same", async () => {
    const { schemas, keeper } = over(createMemorySchemaSource());
    await keeper.keep(1, JSON.stringify(JSON.parse(order)));
    expect(await schemas.register(order)).toBe(1);
  });
});
