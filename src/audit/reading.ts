import type { CommandCodec, Decoded } from "../schemas/codec.ts";

/** Reads a record, and asks for its schema where that is not known yet. Rejects with `SchemaSourceUnavailable`. */
export async function decode(
  codec: Pick<CommandCodec, "decode" | "learn">,
  key: Buffer | null,
  value: Buffer | null,
): Promise<Decoded> {
  const decoded = codec.decode(key, value);
  if (decoded.kind !== "unknown_schema") return decoded;
  await codec.learn(decoded.schemaId);
  return codec.decode(key, value);
}
