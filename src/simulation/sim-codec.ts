import type { CommandCodec } from "../schemas/codec.ts";
import { commandFrom } from "../schemas/command-rules.ts";
import { commandSchemas } from "../schemas/command-schemas.ts";
import type { UndecodableReason } from "../schemas/undecodable.ts";

/**
 * Bytes are not what a simulation is about: JSON instead of Avro. What fits no schema or breaks a field's rule can't be
 * decoded, for the same reason as in Avro; what is no object in JSON is `not_confluent`.
 */
export const simCodec: Pick<CommandCodec, "encode" | "decode" | "learn"> = {
  encode: (command) => Buffer.from(JSON.stringify(command)),
  decode: (key, value) => {
    if (value === null) return undecodable("no_value");
    if (key === null) return undecodable("no_key");
    const wire = parsed(value.toString());
    if (wire === undefined) return undecodable("not_confluent");
    const schema = commandSchemas.find(({ commandType }) => commandType === wire.type);
    if (schema === undefined) return undecodable("unknown_record");
    if (!schema.type.isValid(wire)) return undecodable("malformed_avro");
    const command = commandFrom(schema.commandType, wire, key);
    return typeof command === "string" ? undecodable(command) : { kind: "command", command };
  },
  learn: () => Promise.resolve(),
};

function undecodable(reason: UndecodableReason): { readonly kind: "undecodable"; readonly reason: UndecodableReason } {
  return { kind: "undecodable", reason };
}

function parsed(text: string): { readonly type?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
