/** A letter as an operator sees it: what is in it, as far as that can be read, and what is wrong with it now. */
import { isUtf8 } from "node:buffer";
import { limits } from "../limits.ts";
import { commandFrom } from "../schemas/command-rules.ts";
import { readLoosely } from "../schemas/loose-records.ts";
import type { SchemaSource } from "../schemas/schema-source.ts";
import type { KeptLetter, LetterHead } from "../stores/dead-letter-store.ts";

/** Bytes as text where they are text, else in hexadecimal; `more` bytes are not shown. */
export type Shown = { readonly text: string; readonly more: number } | { readonly hex: string; readonly more: number };

export type LetterView = {
  readonly letter: LetterHead;
  readonly key: Shown | null;
  readonly headers: readonly { readonly name: Shown; readonly values: readonly Shown[] }[];
  /** Bytes that are kept; less than `letter.valueBytes` of a very long one. */
  readonly keptBytes: number;
  readonly schemaId: number | null;
  readonly schemaName: string | null;
  /** Undefined: it is no Avro that can be read, and `value` has the bytes. */
  readonly content: unknown;
  readonly value: Shown | null;
  /** The rule that it breaks as it is, with the schemas known now; null: none. */
  readonly breaks: string | null;
};

/** Rejects with `SchemaSourceUnavailable`. */
export async function viewOf(schemas: Pick<SchemaSource, "schemaById">, letter: KeptLetter): Promise<LetterView> {
  const { key, value, headers, ...head } = letter;
  const { schemaId, schemaName, schema, content, reason } = await readLoosely(schemas, value);
  let breaks: string | null = reason ?? (key === null ? "no_key" : null);
  if (breaks === null && schema !== null) {
    const command = commandFrom(schema.commandType, content, key ?? Buffer.alloc(0));
    breaks = typeof command === "string" ? command : null;
  }
  return {
    letter: head,
    key: key === null ? null : shown(key),
    headers: Object.entries(headers).map(([name, values]) => ({
      name: shown(Buffer.from(name, "base64")),
      values: values.split(",").map((each) => shown(Buffer.from(each, "base64"))),
    })),
    keptBytes: value?.length ?? 0,
    schemaId,
    schemaName,
    content,
    value: value === null || content !== undefined ? null : shown(value),
    breaks,
  };
}

export function shown(bytes: Buffer): Shown {
  const more = Math.max(0, bytes.length - limits.letterBytesShown);
  // A character may be cut in two at the end of what is shown: that is for the whole to say.
  const isText = isUtf8(bytes) && !/\p{Cc}/u.test(bytes.toString().replaceAll(/[\t\n\r]/g, ""));
  const some = bytes.subarray(0, limits.letterBytesShown);
  return isText ? { text: some.toString(), more } : { hex: some.toString("hex"), more };
}

/** As JSON, also what JSON has no word for. */
export function jsonOf(content: unknown, indent?: number): string {
  const plain = (_name: string, value: unknown): unknown => {
    if (typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))) return String(value);
    return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
  };
  return JSON.stringify(content, plain, indent);
}
