/** From a record that is no command to one that is: with a new id, with its own key, and with fields that an operator sets. */
import avro from "avsc";
import { commandFrom } from "../schemas/command-rules.ts";
import type { Command } from "../schemas/commands.ts";
import type { LooseRecord } from "../schemas/loose-records.ts";
import type { UndecodableReason } from "../schemas/undecodable.ts";

/** `deliveryLocation.latitude=48.1` has a path of two names. */
export type Setting = { readonly path: readonly [string, ...string[]]; readonly text: string };

/** A rule of commands; or what is wrong with a setting. */
export type MendFault = UndecodableReason | "no_such_field" | "wrong_type";
export type Mended =
  | { readonly kind: "command"; readonly command: Command }
  | { readonly kind: "broken"; readonly code: MendFault; readonly says: string };

/** From `field=value`; undefined: it is none. */
export function settingFrom(text: string): Setting | undefined {
  const at = text.indexOf("=");
  const [first, ...others] = text.slice(0, Math.max(0, at)).split(".");
  if (first === undefined || first === "" || others.includes("")) return undefined;
  return { path: [first, ...others], text: text.slice(at + 1) };
}

/** The command `commandId` with the record's content. Its key is made from its product id, so that a wrong key is mended by that. */
export function mend(record: LooseRecord, settings: readonly Setting[], commandId: string): Mended {
  const { schema, content, reason } = record;
  if (reason !== null) return broken(reason, `there is nothing in it to make a command of (${reason})`);
  if (schema === null || typeof content !== "object" || content === null) {
    throw new TypeError("a record that can be read has a schema and fields");
  }
  let fields: object = content;
  for (const setting of settings) {
    const changed = withField(schema.type, fields, setting);
    if ("kind" in changed) return changed;
    fields = changed.fields;
  }
  const productId: unknown = Reflect.get(fields, "productId");
  const command = commandFrom(schema.commandType, { ...fields, commandId }, Buffer.from(String(productId)));
  if (typeof command !== "string") return { kind: "command", command };
  return broken(command, `a field of the ${schema.commandType} breaks its rule: ${command}`);
}

function broken(code: MendFault, says: string): Mended & { kind: "broken" } {
  return { kind: "broken", code, says };
}

type Changed = { readonly fields: object } | (Mended & { kind: "broken" });

function withField(type: avro.Type, fields: object, { path, text }: Setting): Changed {
  const named = path.join(".");
  const [name, ...inner] = path;
  const field = type instanceof avro.types.RecordType ? type.fields.find((each) => each.name === name) : undefined;
  if (field === undefined) return broken("no_such_field", `it has no field ${named}`);
  const before: unknown = Reflect.get(fields, name);
  for (const value of valuesOf(text)) {
    const after = inner.length === 0 ? value : withInner(before, inner, value);
    if (after === undefined) return broken("no_such_field", `it has no field ${named}`);
    if (field.type.isValid(after)) return { fields: { ...fields, [name]: after } };
  }
  return broken("wrong_type", `${named} can't be ${text}: it is of another type`);
}

/** What a text may mean, what is most likely first: the field's type says which one does. */
function* valuesOf(text: string): Generator {
  if (text === "null") yield null;
  yield text;
  try {
    yield JSON.parse(text);
  } catch {
    // It is a text then, and nothing else.
  }
}

/** A copy with another value at the path; undefined: there is nothing at that path. */
function withInner(before: unknown, [name = "", ...inner]: readonly string[], value: unknown): object | undefined {
  if (typeof before !== "object" || before === null || !Object.hasOwn(before, name)) return undefined;
  const after = inner.length === 0 ? value : withInner(Reflect.get(before, name), inner, value);
  return after === undefined ? undefined : { ...before, [name]: after };
}
