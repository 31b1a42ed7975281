/**
 * Which fields keep two versions of a record schema from reading each other (FULL compatibility). Registries refuse such
 * a schema with a position at best ("/fields/3/type") and often with nothing; people need the field's name.
 */
import avro, { type Schema, type Type } from "avsc";

type Field = { readonly name: string; readonly type: unknown; readonly default?: unknown };
type RecordSchema = { readonly type: "record"; readonly fields: readonly Field[] };

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

const isRecord = (schema: unknown): schema is RecordSchema =>
  isObject(schema) &&
  "type" in schema &&
  schema.type === "record" &&
  "fields" in schema &&
  Array.isArray(schema.fields);

/** The record in a type: itself, or the only one in a union with null. */
const recordIn = (schema: unknown): RecordSchema | undefined => {
  if (Array.isArray(schema)) return schema.find(isRecord);
  return isRecord(schema) ? schema : undefined;
};

const describe = (schema: unknown): string => {
  if (Array.isArray(schema)) return schema.map(describe).join(" or ");
  if (!isObject(schema)) return String(schema);
  if ("name" in schema && typeof schema.name === "string") return schema.name;
  return "type" in schema ? describe(schema.type) : JSON.stringify(schema);
};

const canRead = (reader: Type, writer: Type): boolean => {
  try {
    reader.createResolver(writer);
    return true;
  } catch {
    return false;
  }
};

const parse = (schema: unknown): Type | undefined => {
  try {
    // forSchema throws on whatever is not a schema.
    return avro.Type.forSchema(schema as Schema);
  } catch {
    return undefined; // It names a type that is defined elsewhere in the record.
  }
};

const readEachOther = (one: unknown, other: unknown): boolean => {
  const [a, b] = [parse(one), parse(other)];
  if (a === undefined || b === undefined) return JSON.stringify(one) === JSON.stringify(other);
  return canRead(a, b) && canRead(b, a);
};

const fieldDifferences = (older: RecordSchema, newer: RecordSchema, path: string): string[] => {
  const differences: string[] = [];
  const olderFields = new Map(older.fields.map((field) => [field.name, field]));
  const newerNames = new Set(newer.fields.map(({ name }) => name));
  for (const field of newer.fields) {
    const name = path + field.name;
    const before = olderFields.get(field.name);
    if (before === undefined) {
      if (field.default === undefined) differences.push(`${name} is new and has no default`);
    } else if (!readEachOther(before.type, field.type)) {
      const [inner, innerBefore] = [recordIn(field.type), recordIn(before.type)];
      const deeper = inner && innerBefore ? fieldDifferences(innerBefore, inner, `${name}.`) : [];
      const changed = `${name} changed from ${describe(before.type)} to ${describe(field.type)}`;
      differences.push(...(deeper.length > 0 ? deeper : [changed]));
    }
  }
  for (const field of older.fields) {
    const removed = !newerNames.has(field.name) && field.default === undefined;
    if (removed) differences.push(`${path + field.name} was removed, but had no default`);
  }
  return differences;
};

/** One sentence for each field in the way, beginning with its path; empty when each version reads the other. */
export const schemaDifferences = (olderText: string, newerText: string): string[] => {
  const older: unknown = JSON.parse(olderText);
  const newer: unknown = JSON.parse(newerText);
  if (isRecord(older) && isRecord(newer)) return fieldDifferences(older, newer, "");
  return readEachOther(older, newer) ? [] : [`it changed from ${describe(older)} to ${describe(newer)}`];
};
