/**
 * The api's own routes, without a server around them: what Fastify would do for a request, reading its path, checking it and
 * answering it, is done here in so few steps that thousands of worlds can afford it, and with no timer and no I/O.
 */
import { Readable } from "node:stream";
import type { TSchema } from "typebox";
import type { ApiServer } from "../api/api-server.ts";
import { problemOf } from "../api/plugins/error-answers.ts";
import { compileCheck } from "../api/plugins/validation.ts";
import { Problem, problemBody, problems } from "../api/problems.ts";
import { addRoutes } from "../api/routes.ts";
import type { ApiServices } from "../api/services.ts";
import { limits } from "../limits.ts";

export type SimRequest = {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** The body as it was sent, which may be no JSON, nor said to be; without it, `body` as JSON. */
  readonly text?: string;
};
export type SimResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

type RouteSchema = Partial<Record<"body" | "headers" | "params" | "querystring", TSchema>>;
type Handler = (request: object, reply: Reply) => unknown;
type Route = {
  readonly method: string;
  readonly pattern: RegExp;
  readonly schema: RouteSchema;
  readonly bodyLimit: number;
  readonly handler: Handler;
};
type DeclaredBody = { readonly content: Readonly<Record<string, { readonly schema: TSchema }>> };
type RouteOptions = {
  readonly schema: Omit<RouteSchema, "body"> & { readonly body?: TSchema | DeclaredBody };
  readonly bodyLimit?: number;
};

const jsonName = "application/json";
const jsonType = "application/json; charset=utf-8";
const problemType = "application/problem+json; charset=utf-8";
const parts = ["params", "headers", "querystring", "body"] as const;
/** Schemas are made once, so that all worlds share the checks that are compiled from them. */
const checks = new WeakMap<TSchema, ReturnType<typeof compileCheck>>();

/** What handlers use of Fastify's reply. */
class Reply {
  readonly request = { id: "simulated" };
  readonly #headers: Record<string, string> = { "content-type": jsonType, "x-request-id": this.request.id };
  #status = 200;
  body: string | undefined;

  code(status: number): this {
    this.#status = status;
    return this;
  }

  header(name: string, value: string): this {
    this.#headers[name.toLowerCase()] = value;
    return this;
  }

  send(payload: unknown): this {
    if (payload instanceof Readable) throw new Error("Answers that are streams are not simulated.");
    this.body = typeof payload === "string" ? payload : JSON.stringify(payload);
    return this;
  }

  end(payload: unknown): SimResponse {
    if (this.body === undefined && payload !== this) this.send(payload);
    return { status: this.#status, headers: this.#headers, body: this.body ?? "" };
  }
}

export type SimHttp = (request: SimRequest) => Promise<SimResponse>;

/** Refusals are answered as problems; rejects with what would be answered 500, for that is a fault of Tallyman. */
export function createSimHttp(services: ApiServices): SimHttp {
  const routes: Route[] = [];
  const add =
    (method: string) =>
    (path: string, { schema, bodyLimit = limits.commandBodyBytesMax }: RouteOptions, handler: Handler): void => {
      const pattern = new RegExp(`^${path.replaceAll(/:(\w+)/g, "(?<$1>[^/]+)")}$`);
      const { body, ...others } = schema;
      // Streams of a body are not simulated: where there are several kinds of it, JSON is.
      const json = body !== undefined && "content" in body ? body.content[jsonName]?.schema : body;
      const simulated = { ...others, ...(json !== undefined && { body: json }) };
      routes.push({ method, pattern, schema: simulated, bodyLimit, handler });
    };
  // Of a whole server, routes are added to no more than these.
  const app = {
    get: add("GET"),
    post: add("POST"),
    put: add("PUT"),
    patch: add("PATCH"),
    delete: add("DELETE"),
  } as unknown as ApiServer;
  addRoutes(app, services);

  return async (request) => {
    const reply = new Reply();
    try {
      return reply.end(await handle(routes, request, reply));
    } catch (error) {
      const { code, message, headers, members } = problemOf(error);
      if (code === "internal_error") throw error;
      const body = JSON.stringify(problemBody(code, message, reply.request.id, members));
      const ours = { "content-type": problemType, "x-request-id": reply.request.id };
      return { status: problems[code].status, headers: { ...ours, ...headers }, body };
    }
  };
}

async function handle(routes: readonly Route[], wanted: SimRequest, reply: Reply): Promise<unknown> {
  const url = new URL(wanted.path, "http://tallyman");
  const methods: string[] = [];
  for (const { method, pattern, schema, bodyLimit, handler } of routes) {
    const found = pattern.exec(url.pathname);
    if (found === null) continue;
    methods.push(method);
    if (method !== wanted.method) continue;
    const request = checked(schema, {
      params: Object.fromEntries(
        Object.entries(found.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]),
      ),
      headers: lowerCased(wanted.headers ?? {}),
      querystring: Object.fromEntries(url.searchParams),
      // As it would arrive: undefined fields don't.
      body: wanted.text === undefined ? copied(wanted.body) : readBody(wanted.text, wanted.headers, bodyLimit),
    });
    return await handler({ ...request, query: request.querystring, id: reply.request.id }, reply);
  }
  if (methods.length === 0) throw new Problem("route_not_found", "There is nothing at this path.");
  const allow = methods.toSorted().join(", ");
  throw new Problem("method_not_allowed", `Use one of: ${allow}.`, { headers: { allow } });
}

function copied(body: unknown): unknown {
  return body === undefined ? null : (JSON.parse(JSON.stringify(body)) as unknown);
}

function readBody(text: string, headers: SimRequest["headers"], bytesMax: number): unknown {
  const type = lowerCased(headers ?? {})["content-type"];
  if (type === undefined && text === "") return null;
  if (type === undefined || !/^application\/json\s*(;|$)/i.test(type))
    throw new Problem("unsupported_media_type", `Unsupported Media Type: ${type ?? ""}`);
  if (Buffer.byteLength(text) > bytesMax) throw new Problem("body_too_large", "Request body is too large");
  if (text === "") return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Problem("malformed_json", "Body is not valid JSON but content-type is set to 'application/json'");
  }
}

function checked(schema: RouteSchema, input: Record<(typeof parts)[number], unknown>): typeof input {
  const request = { ...input };
  for (const part of parts) {
    const wanted = schema[part];
    if (wanted === undefined) continue;
    const check = checks.get(wanted) ?? compileCheck(wanted, part);
    checks.set(wanted, check);
    const result = check(input[part]);
    if ("error" in result) throw result.error;
    request[part] = result.value;
  }
  return request;
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
