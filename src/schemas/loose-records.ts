/**
 * Records as far as they can be read, for operators: the Avro in them without the rules of commands. The codec, which runs once per
 * order, knows only commands and what is undecodable; this tells what was in the record, and can be mended.
 */
import type { Type } from "avsc";
import { headBytes } from "./codec.ts";
import { commandSchemas, parseAvroType } from "./command-schemas.ts";
import type { CommandSchema } from "./command-schemas.ts";
import { SchemaUnknown } from "./schema-source.ts";
import type { SchemaSource } from "./schema-source.ts";
import type { UndecodableReason } from "./undecodable.ts";

export type LooseRecord = {
  /** Null: the value is not in Confluent's format. */
  readonly schemaId: number | null;
  /** The schema's name, or its type where it has none; null: there is no schema. */
  readonly schemaName: string | null;
  /** Of a command, or of what would be one: its schema. */
  readonly schema: CommandSchema | null;
  /** What the Avro says, as plain values: of a command in the fields that we have today. Undefined: it can't be read. */
  readonly content: unknown;
  /** Why there is no content of a command; null: there is, though it may break the rules of its fields. */
  readonly reason: UndecodableReason | null;
};

const nothing = { schemaId: null, schemaName: null, schema: null, content: undefined } as const;

/** Rejects with `SchemaSourceUnavailable` where the schema can't be asked for now. The result shares no memory with `value`. */
export async function readLoosely(
  source: Pick<SchemaSource, "schemaById">,
  value: Buffer | null,
): Promise<LooseRecord> {
  if (value === null) return { ...nothing, reason: "no_value" };
  if (value.length < headBytes || value[0] !== 0) return { ...nothing, reason: "not_confluent" };
  const schemaId = value.readInt32BE(1);
  let writer: Type;
  try {
    writer = parseAvroType(await source.schemaById(schemaId));
  } catch (error) {
    if (!(error instanceof SchemaUnknown)) throw error;
    return { ...nothing, schemaId, reason: "unknown_schema_id" };
  }
  const schemaName = writer.name ?? writer.typeName;
  const read = (type: Type, resolver?: ReturnType<Type["createResolver"]>): unknown => {
    try {
      const result: { value: unknown; offset: number } = type.decode(value, headBytes, resolver);
      return result.offset === value.length ? structuredClone(result.value) : undefined;
    } catch {
      return undefined;
    }
  };
  const schema = commandSchemas.find(({ recordName }) => recordName === writer.name) ?? null;
  const known = { schemaId, schemaName, schema };
  if (schema === null) return { ...known, content: read(writer), reason: "unknown_record" };
  let resolver: ReturnType<Type["createResolver"]> | undefined;
  try {
    resolver = writer.equals(schema.type) ? undefined : schema.type.createResolver(writer);
  } catch {
    return { ...known, content: read(writer), reason: "incompatible_schema" };
  }
  const content = read(schema.type, resolver);
  return { ...known, content, reason: content === undefined ? "malformed_avro" : null };
}
