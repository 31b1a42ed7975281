/**
 * Schemas from a registry that speaks Confluent's API. The subject of a schema is its full record name, so that all
 * topics share a record's history. Every subject is FULL_TRANSITIVE: any version reads any other, so that old records
 * stay readable for ever and processes of two versions run side by side.
 */
import { COMPATIBILITY, SchemaRegistry, SchemaType } from "@kafkajs/confluent-schema-registry";
import { ExponentialBackoff, handleType, retry } from "cockatiel";
import { parseAvroType } from "./command-schemas.ts";
import { createRegistryHttp, statusOf } from "./registry-http.ts";
import { schemaDifferences } from "./schema-differences.ts";
import { SchemaIncompatible, SchemaSourceUnavailable, SchemaUnknown, type SchemaSource } from "./schema-source.ts";

export type RegistrySettings = {
  /** The root of Confluent's API, such as http://localhost:8081 or http://localhost:8085/apis/ccompat/v7. */
  readonly url: string;
  /** Time limit of one request. */
  readonly timeoutMs?: number;
  /** How often `register` tries while the registry is away: 30 times is about half a minute. */
  readonly attemptsMax?: number;
};

/** fetch only says "fetch failed" and hides the reason in the cause. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
};

const unavailable = (url: string, cause: unknown): SchemaSourceUnavailable => {
  const reason = reasonOf(cause);
  return new SchemaSourceUnavailable(`the schema registry at ${url} did not answer as it should: ${reason}`, { cause });
};

/** `register` waits for a registry that is not up yet; `schemaById` asks once, for its caller knows when to ask again. */
export const createRegistrySource = ({ url, timeoutMs = 3_000, attemptsMax = 30 }: RegistrySettings): SchemaSource => {
  const http = createRegistryHttp(url, timeoutMs);
  const registry = new SchemaRegistry({
    host: url,
    clientId: "tallyman",
    retry: { retries: 0 },
    // The library has no time limit of its own.
    middlewares: [() => ({ prepareRequest: async (next) => (await next()).enhance({ timeout: timeoutMs }) })],
  });
  const whileAway = retry(handleType(SchemaSourceUnavailable), {
    maxAttempts: attemptsMax,
    backoff: new ExponentialBackoff({ initialDelay: 100, maxDelay: 1_000 }),
  });

  /**
   * Why the registry refused the schema, field by field. Apicurio answers 409 also to one of several that make the same
   * subject at once: where no field differs, trying again is right, and finds what the other one has registered.
   */
  const refusal = async (subject: string, schema: string, cause: unknown): Promise<Error> => {
    const differences = new Set<string>();
    try {
      for (const version of await http.versions(subject)) {
        for (const line of schemaDifferences(await http.schemaOfVersion(subject, version), schema)) {
          differences.add(`${line} (against version ${version})`);
        }
      }
    } catch (error) {
      return unavailable(url, error);
    }
    if (differences.size === 0) return unavailable(url, cause);
    return new SchemaIncompatible(subject, [...differences], { cause });
  };

  const registerOnce = async (schema: string): Promise<number> => {
    const subject = parseAvroType(schema).name;
    if (subject === undefined) throw new TypeError("only a named record has a subject");
    try {
      await http.requireCompatibility(subject, COMPATIBILITY.FULL_TRANSITIVE);
      const options = { subject, compatibility: COMPATIBILITY.FULL_TRANSITIVE };
      return (await registry.register({ type: SchemaType.AVRO, schema }, options)).id;
    } catch (cause) {
      if (statusOf(cause) === 409) throw await refusal(subject, schema, cause);
      throw unavailable(url, cause);
    }
  };

  /** Registries take schemas that avsc refuses, and they stay so: a record with one must not keep its partition waiting for ever. */
  const isUnreadable = async (id: number): Promise<boolean> => {
    const text = await http.schemaOfId(id).catch(() => undefined);
    if (text === undefined) return false;
    try {
      parseAvroType(text);
      return false;
    } catch {
      return true;
    }
  };

  return {
    register: (schema) => whileAway.execute(() => registerOnce(schema)),
    schemaById: async (id) => {
      try {
        const schema = await registry.getSchema(id);
        // What is neither Avro nor known to avsc is of no use here, and stays so.
        if (!("schema" in schema) || typeof schema.schema !== "function")
          throw new SchemaUnknown(`schema ${id} is not Avro`);
        return JSON.stringify(schema); // avsc's types stringify to their schema, with defaults and aliases.
      } catch (cause) {
        if (cause instanceof SchemaUnknown) throw cause;
        // A proxy in between may say 404 as well: only a registry that answers otherwise is believed.
        if (statusOf(cause) === 404 && (await http.answers())) {
          throw new SchemaUnknown(`the schema registry has no schema ${id}`, { cause });
        }
        // What failed without a status is the reading of an answer.
        if (statusOf(cause) === undefined && (await isUnreadable(id))) {
          throw new SchemaUnknown(`schema ${id} can't be read: ${reasonOf(cause)}`, { cause });
        }
        throw unavailable(url, cause);
      }
    },
  };
};
