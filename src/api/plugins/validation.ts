import fastifyPlugin from "fastify-plugin";
import { Compile } from "typebox/compile";
import type { TSchema } from "typebox";
import { limits } from "../../limits.ts";
import { Problem } from "../problems.ts";

type BrokenRule = { readonly in: string; readonly field: string; readonly message: string };
type SchemaError = {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: unknown;
};

export type Checked = { readonly value: unknown } | { readonly error: Problem };

/**
 * Checks one part of a request with TypeBox's own compiled checks. Nothing is changed on the way, with one exception: a query
 * is text, so its numbers are read from it. A part that is not there is null.
 */
export function compileCheck(schema: TSchema, httpPart: string): (input: unknown) => Checked {
  const check = Compile(schema);
  return (input) => {
    const value = httpPart === "querystring" ? withTypes(schema, input) : (input ?? null);
    return check.Check(value) ? { value } : { error: problemOf(httpPart, check.Errors(value)) };
  };
}

/** Every request is checked before its route sees it. */
export const validation = fastifyPlugin((app, _options, done) => {
  app.setValidatorCompiler<TSchema>(({ schema, httpPart = "body" }) => compileCheck(schema, httpPart));
  // Response schemas document, and tests hold answers against them; the engine's own JSON is the fastest for our few types.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  done();
});

/** Reads the whole numbers and truth values of a query; what is not written as one stays text, and is refused as such. */
function withTypes(schema: TSchema, input: unknown): unknown {
  if (!("properties" in schema) || typeof input !== "object" || input === null) return input;
  const properties = schema.properties as Record<string, { readonly type?: unknown }>;
  return Object.fromEntries(
    Object.entries(input).map(([name, value]: [string, unknown]) => {
      const type = properties[name]?.type;
      if (type === "boolean" && (value === "true" || value === "false")) return [name, value === "true"];
      const isNumber = type === "integer" && typeof value === "string" && /^\d{1,15}$/.test(value);
      return [name, isNumber ? Number(value) : value];
    }),
  );
}

function problemOf(httpPart: string, errors: readonly SchemaError[]): Problem {
  const rules = new Map<string, BrokenRule>();
  for (const error of errors) {
    for (const field of fieldsOf(error)) {
      const rule = { in: httpPart, field, message: error.message };
      // An unknown field is told of twice; the sentence that says so is the better one, and the first one else.
      if (!rules.has(field) || error.keyword === "additionalProperties") rules.set(field, rule);
    }
    if (rules.size >= limits.validationErrorsMax) break;
  }
  const [first] = rules.values();
  const detail = first === undefined ? "" : `${first.field === "" ? `The ${first.in}` : first.field} ${first.message}.`;
  return new Problem("invalid_request", detail, { members: { errors: [...rules.values()] } });
}

/** JSON pointers of the fields that an error is about. */
function fieldsOf({ keyword, instancePath, params }: SchemaError): string[] {
  const names = namesIn(params, keyword);
  return names.length === 0 ? [instancePath] : names.map((name) => `${instancePath}/${name}`);
}

function namesIn(params: unknown, keyword: string): string[] {
  const key = keyword === "required" ? "requiredProperties" : keyword === "additionalProperties" ? keyword : "";
  if (typeof params !== "object" || params === null || !(key in params)) return [];
  const names: unknown = Reflect.get(params, key);
  return Array.isArray(names) ? names.slice(0, limits.validationErrorsMax).map(String) : [];
}
