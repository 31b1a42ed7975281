/** The Avro schemas of the commands, from `avro/`, and what avsc makes of them: our reader and writer schemas. */
import { readFileSync } from "node:fs";
import avro, { type Type } from "avsc";
import type { CommandType } from "./commands.ts";

export type CommandSchema = {
  readonly commandType: CommandType;
  /** The full record name; also the registry's subject. */
  readonly recordName: string;
  /** The JSON text, as registered. */
  readonly text: string;
  readonly type: Type;
};

export const commandTypes = [
  "PlaceOrder",
  "CancelOrder",
  "ReceiveStock",
  "CountStock",
  "ResumeProduct",
  "ArchiveProduct",
  "RestoreProduct",
  "PackOrder",
] as const satisfies readonly CommandType[];

const load = (commandType: CommandType): CommandSchema => {
  const text = readFileSync(new URL(`../../avro/${commandType}.avsc`, import.meta.url), "utf8");
  return { commandType, recordName: `tallyman.commands.${commandType}`, text, type: parseAvroType(text) };
};

/** Throws when the text is no Avro schema. */
export const parseAvroType = (text: string): Type => {
  // Type.forSchema throws on whatever is not an Avro schema, so that nothing rests on the shape claimed here.
  return avro.Type.forSchema(JSON.parse(text) as Parameters<typeof avro.Type.forSchema>[0]);
};

export const commandSchemas: readonly CommandSchema[] = commandTypes.map(load);
