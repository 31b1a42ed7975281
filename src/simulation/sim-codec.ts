import type { CommandCodec } from "../schemas/codec.ts";
import type { Command } from "../schemas/commands.ts";

/** Bytes are not what a simulation is about: JSON instead of Avro. What begins with no brace can't be decoded. */
export const simCodec: Pick<CommandCodec, "encode" | "decode" | "learn"> = {
  encode: (command) => Buffer.from(JSON.stringify(command)),
  decode: (_key, value) => {
    const text = value?.toString() ?? "";
    if (!text.startsWith("{")) return { kind: "undecodable", reason: "not_confluent" };
    return { kind: "command", command: JSON.parse(text) as Command };
  },
  learn: () => Promise.resolve(),
};
