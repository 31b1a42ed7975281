/**
 * Holds what the ingress answers against what its own /openapi.json says. `ApiWorld` asks it for every answer of every test,
 * so that a status, a code, a member or a header that a route gives and does not declare fails the test that met it.
 */
import type { OpenApi } from "../../local/http-reference/openapi.ts";
import { Compile } from "typebox/schema";
import type { Validator } from "typebox/schema";
import type { ProblemCode } from "../../src/api/problems.ts";
import { problemMembers, problemsOfNoRoute } from "../../src/api/schemas/problem.ts";
import { answerHeaders } from "../../src/api/schemas/answer.ts";

export type Answer = {
  readonly method: string;
  /** With its query, as it was asked. */
  readonly url: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
};

/** Null: as declared. Else what is not, in words. */
export type DeclaredAnswers = (answer: Answer) => string | null;

const problemMembersOfAll = ["type", "title", "status", "code", "detail", "requestId"];

export function createDeclaredAnswers(document: OpenApi): DeclaredAnswers {
  const closed = closeObjects(document) as OpenApi;
  const checks = new Map<object, Validator>();
  const bodyErrors = (schema: object, body: unknown): string | null => {
    const check = checks.get(schema) ?? Compile({ ...schema, components: closed.components });
    checks.set(schema, check);
    if (check.Check(body)) return null;
    const [, [error]] = check.Errors(body);
    return `${error?.instancePath ?? ""} ${error?.message ?? ""}`;
  };
  // Those without a parameter first: /drivers/nearest is not /drivers/{id}.
  const paths = Object.entries(closed.paths).toSorted(([a], [b]) => Number(a.includes("{")) - Number(b.includes("{")));
  const routes = paths.map(([path, operations]) => ({
    operations,
    pattern: new RegExp(`^${path.replace(/[.]/g, "\\.").replace(/\{\w+\}/g, "[^/]*")}$`),
  }));

  return (answer) => {
    const { method, url, status, headers } = answer;
    const said = `${method} ${url} answered ${status}`;
    const isProblem = String(headers["content-type"]).startsWith("application/problem+json");
    const body = isProblem ? (JSON.parse(answer.body === "" ? "{}" : answer.body) as Record<string, unknown>) : {};
    const code = body.code as ProblemCode;
    if (typeof headers["x-request-id"] !== "string") return `${said} without x-request-id`;
    if (isProblem && method !== "HEAD") {
      const members = Object.keys(body).filter((name) => !problemMembersOfAll.includes(name));
      const strange = members.filter((name) => !(problemMembers[code] as readonly string[]).includes(name));
      if (strange.length > 0) return `${said} ${code} with ${strange.join(", ")}, which problemMembers does not name`;
      if (problemsOfNoRoute.includes(code)) return null;
    }
    const pathname = url.replace(/[?#].*$/, "");
    const verb = method === "HEAD" ? "get" : method.toLowerCase();
    // Of two that match, such as /orders/lookup and /orders/{id}, only one has the method.
    const operation = routes.find(({ operations, pattern }) => pattern.test(pathname) && verb in operations)
      ?.operations[verb];
    if (operation === undefined) return isHidden(pathname) ? null : `${said}, and no route declares it`;

    const declared = operation.responses[String(status)];
    if (declared === undefined) return `${said} ${code}, which it does not declare`;
    for (const name of Object.keys(answerHeaders)) {
      const value = headers[name.toLowerCase()];
      if (value === undefined) continue;
      const header = declared.headers?.[name];
      if (header === undefined) return `${said} with ${name}, which it does not declare`;
      const wrong = bodyErrors(header.schema, value);
      if (wrong !== null) return `${said} with ${name}: ${JSON.stringify(value)}: ${wrong}`;
    }
    if (method === "HEAD") return null;
    if (declared.content === undefined && headers["content-type"] === undefined)
      return answer.body === "" ? null : `${said} with a body and no type`;
    const type = String(headers["content-type"]).replace(/;.*$/, "");
    const content = declared.content?.[type];
    if (content === undefined) return `${said} with ${type}, which it does not declare`;
    const wrong =
      bodiesIn(type, answer.body)
        .map((each) => bodyErrors(content.schema, each))
        .find((each) => each !== null) ?? null;
    return wrong === null ? null : `${said} ${answer.body.slice(0, 300)}: ${wrong}`;
  };
}

/** Of NDJSON, each line; else the one. */
function bodiesIn(type: string, body: string): unknown[] {
  if (!type.endsWith("json")) return [body];
  const texts = type === "application/x-ndjson" ? body.split("\n").filter((line) => line !== "") : [body];
  return texts.map((text) => JSON.parse(text) as unknown);
}

/** The documentation's own pages, and the shop's. */
const isHidden = (pathname: string): boolean => /^\/((openapi|asyncapi)\.json$|(?:docs|shop)(\/|$))/.test(pathname);

/** Schemas of answers leave room for members to come; a test must not. */
function closeObjects(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(closeObjects);
  const visited = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, closeObjects(each)]));
  const isObject = visited.type === "object" && "properties" in visited && !("additionalProperties" in visited);
  return isObject ? { ...visited, additionalProperties: false } : visited;
}
