/** The records of the decisions topic in Confluent's wire format: a zero byte, the schema id in four bytes (big endian), Avro. */
import { readFileSync } from "node:fs";
import { headBytes } from "./codec.ts";
import { parseAvroType } from "./command-schemas.ts";
import type { Decisions } from "./decisions.ts";
import type { SchemaSource } from "./schema-source.ts";

export const decisionsRecordName = "tallyman.decisions.Decisions";
/** The JSON text, as registered. */
export const decisionsSchemaText = readFileSync(new URL("../../avro/Decisions.avsc", import.meta.url), "utf8");
export const decisionsType = parseAvroType(decisionsSchemaText);

export type DecisionsEncoder = (decisions: Decisions) => Buffer;

/** Registers our schema at `source`. Rejects as `createCommandCodec` does. */
export async function createDecisionsEncoder(source: Pick<SchemaSource, "register">): Promise<DecisionsEncoder> {
  const head = Buffer.alloc(headBytes);
  head.writeInt32BE(await source.register(decisionsSchemaText), 1);
  return (decisions) => Buffer.concat([head, decisionsType.toBuffer(decisions)]);
}
