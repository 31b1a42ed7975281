/** /openapi.json as Markdown that a person reads: a table of what each route takes, and one of what it answers. Pure. */
import { Uuid } from "../../src/api/schemas/fields.ts";
import type { OpenApi, Operation, Schema } from "./openapi.ts";

const { pattern: uuidPattern } = Uuid("") as Schema;

/** Ends without a line break. */
export function renderReference({ tags, paths, components }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ title: `${method.toUpperCase()} ${path}`, operation })),
  );
  const routes = tags.flatMap(({ name }) => operations.filter(({ operation }) => operation.tags[0] === name));
  const parts = [
    ...routes.map(({ title, operation }) => renderOperation(title, operation)),
    "### What answers hold\nEvery member is there, null where there is nothing to tell.",
    ...Object.entries(components.schemas).map(([name, schema]) => renderSchema(name, schema)),
  ];
  return parts.join("\n\n");
}

function renderOperation(title: string, operation: Operation): string {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  const example = requestBody?.content["application/json"]?.example;
  const bodies = Object.entries(requestBody?.content ?? {}).flatMap(([type, { schema }]) =>
    type === "application/json" && schema.type !== "array"
      ? memberRows(object(schema), "body ")
      : [row(`body \`${type}\``, requestBody?.required === true, schema, schema.description)],
  );
  const taken = [
    ...parameters.map((one) => row(place(one.in, one.name), one.required === true, one.schema, one.description)),
    ...bodies,
  ];
  const answered = Object.entries(responses).map(([status, { description: words, headers = {}, content = {} }]) => {
    const [[type, { schema }] = ["", { schema: {} as Schema }]] = Object.entries(content);
    const isProblem = type === "application/problem+json";
    const body = type === "" ? "no body" : type === "application/json" ? typeOf(schema) : `\`${type}\``;
    const told = isProblem ? words.replace(/\w+/g, "`$&`") : `${words}: ${body}`;
    const names = Object.keys(headers).filter((name) => name !== "X-Request-Id");
    return `| ${status} | ${told} | ${names.map((name) => `\`${name}\``).join(", ")} |`;
  });
  return [
    `### \`${title}\`\n${summary}.${description === undefined ? "" : ` ${description}`}`,
    ...(taken.length === 0 ? [] : [["| takes | | |", "|---|---|---|", ...taken].join("\n")]),
    ...(example === undefined ? [] : [`\`\`\`json\n${JSON.stringify(example)}\n\`\`\``]),
    ["| answers | with | headers |", "|---|---|---|", ...answered].join("\n"),
  ].join("\n\n");
}

function renderSchema(name: string, schema: Schema): string {
  const rows = memberRows({ ...schema, required: [] }, "");
  return `#### ${name}\n${["| member | | |", "|---|---|---|", ...rows].join("\n")}`;
}

/** A row for each member, and for each of theirs: `deliveryLocation.latitude`, `dependencies[].name`. */
function memberRows({ properties = {}, required = [] }: Schema, prefix: string, path = ""): string[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const inner = object(schema.items ?? schema);
    const own = row(`${prefix}\`${path}${name}\``, required.includes(name), schema);
    return [own, ...memberRows(inner, prefix, `${path}${name}${schema.items === undefined ? "" : "[]"}.`)];
  });
}

const row = (name: string, isRequired: boolean, schema: Schema, words = wordsOf(schema)): string =>
  `| ${name} | ${isRequired ? "**required**, " : ""}${typeOf(schema)} | ${words} |`;

/** HTTP's names have capitals where people read them. */
const place = (where: string, name: string): string =>
  `${where} \`${where === "header" ? name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()) : name}\``;

/** What may stand beside null. */
const object = (schema: Schema): Schema => schema.anyOf?.find(({ type }) => type !== "null") ?? schema;

const wordsOf = (schema: Schema): string => schema.description ?? object(schema).description ?? "";

/** A schema's rule in a few words. */
export function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return link(schema.$ref.replace(/^.*\//, ""));
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (schema.type === undefined) return "anything";
  switch (schema.type) {
    case "integer":
    case "number":
      return `${schema.type}${span(schema.minimum, schema.maximum)}`;
    case "array":
      return `list of ${typeOf(schema.items ?? {})}${span(schema.minItems, schema.maxItems)}`;
    case "string":
      if (schema.pattern === uuidPattern) return "UUID";
      if (schema.format === "date-time") return "time, RFC 3339";
      if (schema.pattern !== undefined) return `text, \`${schema.pattern}\``;
      return `text${span(schema.minLength, schema.maxLength)}${schema.maxLength === undefined ? "" : " long"}`;
    default:
      return schema.type;
  }
}

const link = (name: string): string => `[${name}](#${name.toLowerCase()})`;

function span(from: number | undefined, to: number | undefined): string {
  if (from === undefined && to === undefined) return "";
  if (to === undefined) return `, ${number(from)} or more`;
  return from === undefined ? `, ${number(to)} at most` : `, ${number(from)} to ${number(to)}`;
}

const number = (value = 0): string => value.toLocaleString("en-GB");
