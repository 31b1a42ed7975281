/**
 * Reads docker-compose.yml as Compose does, but for its own defaults: YAML with merge keys, then variables in the values. What the
 * tests look at is typed; the rest of a service is for the schema of the Compose specification to judge.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { Ajv, type ErrorObject } from "ajv";
import { type Static, Type } from "typebox";
import { Parse } from "typebox/value";
import { parse } from "yaml";
import { root } from "../../local/paths.ts";

const require = createRequire(import.meta.url);

export const composeFile = path.join(root, "docker-compose.yml");

/** Of what is merged: each `$$` a dollar, each `${NAME:-default}` the variable, or its default where that is unset or empty. */
export function interpolate(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(?:\$|\{(\w+):-([^}]*)\}|.?)/g, (all, name: string | undefined, fallback = "") => {
    if (all === "$$") return "$";
    if (name === undefined) throw new Error(`"${text}" names a variable without a default, or "${all}" is a single $`);
    const value = variables[name] ?? "";
    return value === "" ? String(fallback) : value;
  });
}

/** The document as Compose has it before it adds what it knows better: nothing is checked yet. */
export function readDocument(text: string, variables: Readonly<Record<string, string>> = {}): unknown {
  return mapStrings(parse(text, { merge: true, strict: true }), (value) => interpolate(value, variables));
}

function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((each) => mapStrings(each, change));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, mapStrings(each, change)]));
}

/**
 * What the Compose specification's JSON schema has against the document. The schema is the one that the package dclint carries, as
 * the specification has it; it says draft 7 by an address that ajv knows with http.
 */
export function schemaErrors(document: unknown): string[] {
  return validate(document) ? [] : (validate.errors ?? []).map(describe);
}

const schemaFile = path.join(path.dirname(require.resolve("dclint/package.json")), "schemas", "compose.schema.json");
const { $schema, ...schema } = JSON.parse(readFileSync(schemaFile, "utf8")) as Record<string, unknown>;
if ($schema !== "https://json-schema.org/draft-07/schema") throw new Error("the Compose schema is not of draft 7");
const validate = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true, strictTypes: false }).compile(schema);

function describe({ instancePath, message = "", params }: ErrorObject): string {
  return `${instancePath} ${message} ${JSON.stringify(params)}`;
}

const Environment = Type.Record(Type.String(), Type.String());
const Service = Type.Object({
  image: Type.String(),
  user: Type.String(),
  command: Type.Optional(Type.Array(Type.String())),
  environment: Type.Optional(Environment),
  healthcheck: Type.Object({
    test: Type.Array(Type.String(), { minItems: 2 }),
    interval: Type.String(),
    timeout: Type.String(),
    start_period: Type.String(),
    retries: Type.Integer({ minimum: 1 }),
  }),
  depends_on: Type.Optional(Type.Record(Type.String(), Type.Object({ condition: Type.String() }))),
  networks: Type.Array(Type.String(), { minItems: 1 }),
  ports: Type.Optional(Type.Array(Type.String())),
  volumes: Type.Optional(Type.Array(Type.String())),
  restart: Type.String(),
  stop_grace_period: Type.String({ pattern: "^[0-9]+s$" }),
  cap_drop: Type.Array(Type.String()),
  security_opt: Type.Array(Type.String()),
  container_name: Type.Optional(Type.String()),
  privileged: Type.Optional(Type.Boolean()),
  read_only: Type.Optional(Type.Boolean()),
  tmpfs: Type.Optional(Type.Array(Type.String())),
  init: Type.Optional(Type.Boolean()),
  build: Type.Optional(Type.Object({ context: Type.String() })),
  pull_policy: Type.Optional(Type.String()),
});
const serviceNames = ["api", "processor", "worker", "kafka", "registry", "postgres", "redis"] as const;
const Compose = Type.Object({
  services: Type.Object(
    {
      api: Service,
      processor: Service,
      worker: Service,
      kafka: Service,
      registry: Service,
      postgres: Service,
      redis: Service,
    },
    { additionalProperties: false },
  ),
  networks: Type.Record(Type.String(), Type.Object({ internal: Type.Optional(Type.Boolean()) })),
  volumes: Type.Record(Type.String(), Type.Null()),
});

export type Compose = Static<typeof Compose>;
export type ComposeService = Static<typeof Service>;
export type ServiceName = (typeof serviceNames)[number];

/** docker-compose.yml with these variables set; throws where a service lacks what all of ours have. */
export function readCompose(variables: Readonly<Record<string, string>> = {}): Compose {
  return Parse(Compose, readDocument(readFileSync(composeFile, "utf8"), variables));
}

/** Name and service, of all. */
export function servicesOf(compose: Compose): [ServiceName, ComposeService][] {
  return serviceNames.map((name) => [name, compose.services[name]]);
}
