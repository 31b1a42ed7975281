import { SchemaRegistry } from "@kafkajs/confluent-schema-registry";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { createCommandCodec } from "../../src/schemas/codec.ts";
import { commandSchemas } from "../../src/schemas/command-schemas.ts";
import { createRegistrySource } from "../../src/schemas/registry.ts";
import { SchemaIncompatible, SchemaSourceUnavailable, SchemaUnknown } from "../../src/schemas/schema-source.ts";

const url = process.env.SCHEMA_REGISTRY_URL ?? "";
const cancel = {
  type: "CancelOrder",
  commandId: "0f8b3c1e-5d7a-4f66-9a31-2c7d1c0b9e04",
  productId: "apples",
  orderId: "0f8b3c1e-5d7a-4f66-9a31-2c7d1c0b9e01",
  issuedAt: 1_763_812_800_123,
} as const;

let names = 0;
const recordName = (): string => `T${process.pid}x${Date.now()}x${++names}`;
const schema = (name: string, ...fields: object[]): string =>
  JSON.stringify({ type: "record", name, namespace: "tallyman.test", fields });
const title = { name: "title", type: "string" };

describe("the schema registry", () => {
  test("gets our schemas as FULL_TRANSITIVE, under their full record names", async () => {
    await createCommandCodec(createRegistrySource({ url }));
    for (const { recordName: subject } of commandSchemas) {
      const answer = (await (await fetch(`${url}/config/${subject}`)).json()) as { compatibilityLevel: string };
      expect(answer.compatibilityLevel).toBe("FULL_TRANSITIVE");
    }
  });

  test("gives the same id for the same schema", async () => {
    const source = createRegistrySource({ url });
    const text = schema(recordName(), title);
    expect(await createRegistrySource({ url }).register(text)).toBe(await source.register(text));
  });

  test("takes a new schema from many processes at once, and gives all of them one id", async () => {
    for (let round = 0; round < 5; round++) {
      const text = schema(recordName(), title);
      const ids = await Promise.all(Array.from({ length: 8 }, () => createRegistrySource({ url }).register(text)));
      expect(new Set(ids).size).toBe(1);
    }
  });

  test("its ordinary client reads what we write", async () => {
    const codec = await createCommandCodec(createRegistrySource({ url }));
    const { type: _type, ...expected } = cancel;
    expect(await new SchemaRegistry({ host: url }).decode(codec.encode(cancel))).toMatchObject(expected);
  });

  test("we read what its ordinary client writes, with a schema that we learn first", async () => {
    const codec = await createCommandCodec(createRegistrySource({ url }));
    const registry = new SchemaRegistry({ host: url });
    const id = await registry.getLatestSchemaId("tallyman.commands.CancelOrder");
    await codec.learn(id);
    const value = await registry.encode(id, cancel);
    expect(codec.decode(Buffer.from("apples"), value)).toEqual({ kind: "command", command: cancel });
  });

  test("takes a field more that has a default, also against versions before the last (transitive)", async () => {
    const source = createRegistrySource({ url });
    const name = recordName();
    await source.register(schema(name, title));
    await source.register(schema(name, title, { name: "note", type: ["null", "string"], default: null }));
    await source.register(schema(name, title, { name: "mark", type: ["null", "string"], default: null }));
    await expect(source.register(schema(name, { name: "mark", type: ["null", "int"], default: null }))).rejects.toThrow(
      /mark changed from null or string to null or int \(against version 3\)/,
    );
  });

  test("an incompatible schema stops with its subject and each field in the way", async () => {
    const source = createRegistrySource({ url });
    const name = recordName();
    await source.register(schema(name, title, { name: "count", type: "int" }));
    const error: unknown = await source
      .register(schema(name, { name: "title", type: "int" }, { name: "price", type: "long" }))
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SchemaIncompatible);
    expect(error).toMatchObject({ subject: `tallyman.test.${name}`, retryable: false });
    expect(String(error)).toContain(`tallyman.test.${name}`);
    expect(String(error)).toContain("title changed from string to int");
    expect(String(error)).toContain("price is new and has no default");
    expect(String(error)).toContain("count was removed, but had no default");
  });

  test("a schema that it took and avsc can't read is certain: a record with it must not wait for ever", async () => {
    // Java's Avro takes a default of any branch of a union.
    const odd = schema(recordName(), { name: "f", type: ["null", "int"], default: 1 });
    const response = await fetch(`${url}/subjects/${recordName()}/versions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ schema: odd }),
    });
    const { id } = (await response.json()) as { id: number };
    await expect(createRegistrySource({ url }).schemaById(id)).rejects.toBeInstanceOf(SchemaUnknown);
  });

  test("an id that does not exist is certain", async () => {
    await expect(createRegistrySource({ url }).schemaById(1_999_999_999)).rejects.toBeInstanceOf(SchemaUnknown);
  });
});

describe("a schema registry that is not as it should be", () => {
  const serve = async (status: number, text: string): Promise<{ url: string; server: Server }> => {
    const server = createServer((_request, response) => response.writeHead(status).end(text));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  };

  test("away: both say so, and can be asked again", async () => {
    const { server, url: there } = await serve(200, "{}");
    await new Promise((resolve) => server.close(resolve)); // Nobody listens there any more.
    const source = createRegistrySource({ url: there, attemptsMax: 2 });
    await expect(source.schemaById(1)).rejects.toMatchObject({ name: "SchemaSourceUnavailable", retryable: true });
    await expect(source.register(schema(recordName(), title))).rejects.toThrow(/registry at http:.*ECONNREFUSED/);
  });

  test.each([
    ["a proxy without a registry behind it", 404, "nothing here"],
    ["a fault", 500, "{}"],
    ["no JSON", 200, "<html>"],
  ])("%s: no id is given up for that", async (_what, status, text) => {
    const { server, url: there } = await serve(status, text);
    await expect(createRegistrySource({ url: there }).schemaById(1)).rejects.toBeInstanceOf(SchemaSourceUnavailable);
    server.close();
  });

  test("silent: the time limit ends it", async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const there = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const source = createRegistrySource({ url: there, timeoutMs: 200, attemptsMax: 1 });
    const begin = Date.now();
    await expect(source.schemaById(1)).rejects.toBeInstanceOf(SchemaSourceUnavailable);
    await expect(source.register(schema(recordName(), title))).rejects.toBeInstanceOf(SchemaSourceUnavailable);
    expect(Date.now() - begin).toBeLessThan(2_000);
    server.closeAllConnections();
    server.close();
  });
});
