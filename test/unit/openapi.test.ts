// /openapi.json is right by its own standard, its examples pass the checks that requests pass, and the check that all tests of the
// ingress run under (declared-answers.ts) sees what is not declared.
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { OpenApi, Operation } from "../../local/http-reference/openapi.ts";
import { openapiDocument } from "../../src/api/plugins/openapi-document.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";
import { createDeclaredAnswers } from "./declared-answers.ts";
import type { Answer } from "./declared-answers.ts";

let world: ApiWorld;
let text: string;
let document: OpenApi;
beforeEach(async () => {
  world = await new ApiWorld().open();
  text = (await world.app.inject({ url: "/openapi.json" })).body;
  document = JSON.parse(text) as OpenApi;
});
afterEach(() => world.app.close());

const operationsOf = ({ paths }: OpenApi): [string, string, Operation][] =>
  Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]): [string, string, Operation] => [method, path, operation]),
  );

/** The media type that has an example, and that. */
const exampleOf = (body: Operation["requestBody"]): [string, unknown] | undefined =>
  Object.entries(body?.content ?? {}).flatMap(([type, { example }]): [string, unknown][] =>
    example === undefined ? [] : [[type, example]],
  )[0];

/** Puts a value at a place in the document (a JSON pointer without its first slash), or takes away what is there. */
function damage(pointer: string, value?: unknown): void {
  const names = pointer.split("/").map((name) => name.replaceAll("~1", "/"));
  const last = names.pop() ?? "";
  const place = names.reduce<object>((at, name) => Reflect.get(at, name) as object, document);
  expect(place).toHaveProperty([last]);
  if (value === undefined) Reflect.deleteProperty(place, last);
  else Reflect.set(place, last, value);
}

/** What a strict linter says: the standard's own rules, and that examples fit their schemas. */
async function faults(source: string): Promise<string[]> {
  const rules = {
    // The probes of operations have no request to refuse.
    "operation-4xx-response": "off",
    "no-invalid-media-type-examples": "error",
    "no-invalid-schema-examples": "error",
    "no-invalid-parameter-examples": "error",
  } as const;
  const config = await createConfig({ extends: ["recommended-strict"], rules });
  const found = await lintFromString({ source, absoluteRef: "/openapi.json", config });
  return found.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer ?? ""}`);
}

describe("the document", () => {
  test("passes a strict linter, examples included", async () => {
    expect(await faults(text)).toEqual([]);
  });

  test.each<[string, string, unknown]>([
    ["no-invalid-media-type-examples", "requestBody/content/application~1json/example", { quantity: 0 }],
    ["operation-operationId-unique", "operationId", "listOrders"],
    ["struct", "responses/201/description", undefined],
  ])("a document that breaks %s does not pass", async (rule, pointer, value) => {
    damage(`paths/~1orders/post/${pointer}`, value);
    expect((await faults(JSON.stringify(document))).map((fault) => fault.split(":")[0])).toContain(rule);
  });

  test("has a summary for every route, and an example of every body", () => {
    for (const [method, path, { summary, requestBody }] of operationsOf(document)) {
      expect(summary, `${method} ${path}`).toMatch(/^[A-Z]/);
      if (requestBody !== undefined) expect(exampleOf(requestBody), path).toBeDefined();
    }
  });

  test("says which bodies may be left out: a cancel's", async () => {
    const bodies = operationsOf(document).filter(([, , { requestBody }]) => requestBody !== undefined);
    const optional = bodies.filter(([, , { requestBody }]) => requestBody?.required === false);
    expect(optional.map(([, path]) => path)).toEqual(["/orders/{id}/cancel"]);
    const answer = await world.app.inject({
      method: "POST",
      url: "/orders/018f7c1e-0000-7000-8000-000000000001/cancel",
    });
    expect(bodyOf(answer).code).toBe("unknown_order");
  });

  test("names each schema once; two that differ can't share a name", () => {
    expect(Object.keys(document.components.schemas)).toContain("Order");
    expect(text).not.toContain('"title":"Order"');
    const one = { title: "Same", type: "string" };
    expect(openapiDocument({ a: one, b: [one] })).toMatchObject({
      components: { schemas: { Same: { type: "string" } } },
    });
    expect(() => openapiDocument({ a: one, b: { ...one, type: "integer" } })).toThrow("two schemas are named Same");
  });

  test("every example of a body is taken by its route", async () => {
    world.addProduct({ id: "chair-1" }, 10);
    const bodies = operationsOf(document).filter(([, , { requestBody }]) => requestBody !== undefined);
    expect(bodies).toHaveLength(16);
    await world.app.inject({ method: "POST", url: "/drivers", payload: { id: "grace", name: "Grace" } });
    const made = { url: "https://shop.example/hooks", events: ["order.packed"] };
    const webhook = String(bodyOf(await world.app.inject({ method: "POST", url: "/webhooks", payload: made })).id);
    for (const [method, path, { requestBody }] of bodies) {
      const id = path.startsWith("/orders") ? "018f7c1e-0000-7000-8000-000000000001" : "chair-1";
      const url = path.replace(
        "{id}",
        path.startsWith("/drivers") ? "grace" : path.startsWith("/webhooks") ? webhook : id,
      );
      const [type, example] = exampleOf(requestBody) ?? [];
      const headers = { "content-type": type, ...(method === "patch" && { "if-match": "*" }) };
      const payload = JSON.stringify(example);
      const answer = await world.app.inject({ method: method.toUpperCase() as "POST", url, headers, payload });
      expect(bodyOf(answer).code, `${method} ${path}`).toBeOneOf([
        undefined,
        "product_exists",
        "order_not_deliverable", // It was cancelled by the example of a cancel.
      ]);
    }
  });
});

describe("the check of every answer", () => {
  const place = { orderId: "018f7c1e-0000-7000-8000-000000000001", productId: "p1", quantity: 3 };
  const ask = async (headers: Record<string, string> = {}): Promise<Answer> => {
    const answer = await world.app.inject({ method: "POST", url: "/orders", headers, payload: place });
    return { method: "POST", url: "/orders", status: answer.statusCode, headers: answer.headers, body: answer.body };
  };

  test("finds nothing where all is declared", async () => {
    world.addProduct({}, 3);
    const check = createDeclaredAnswers(document);
    expect([check(await ask({ prefer: "wait=5" })), check(await ask())]).toEqual([null, null]);
  });

  test.each<[string, string, string]>([
    ["status", "404", "does not declare"],
    ["content type", "404/content", "application/problem+json"],
    ["member", "404/content/application~1problem+json/schema/properties/productId", "/productId"],
  ])("finds a %s that is not declared", async (_what, pointer, words) => {
    const answer = await ask();
    expect(answer.status).toBe(404);
    damage(`paths/~1orders/post/responses/${pointer}`);
    expect(createDeclaredAnswers(document)(answer)).toContain(words);
  });

  test("finds a code that is not declared", async () => {
    const answer = await ask();
    damage("paths/~1orders/post/responses/404/content/application~1problem+json/schema/properties/code/enum", ["gone"]);
    expect(createDeclaredAnswers(document)(answer)).toContain("/code");
  });

  test.each<[string, string]>([
    ["Location", "paths/~1orders/post/responses/201/headers/Location"],
    ["Preference-Applied", "paths/~1orders/post/responses/201/headers/Preference-Applied"],
    ["/stockAfter", "components/schemas/Order/properties/stockAfter"],
  ])("finds that %s of an order is not declared", async (_what, pointer) => {
    world.addProduct({}, 3);
    const answer = await ask({ prefer: "wait=5" });
    expect(answer.status).toBe(201);
    expect(createDeclaredAnswers(document)(answer)).toBeNull();
    damage(pointer);
    expect(createDeclaredAnswers(document)(answer)).not.toBeNull();
  });

  test("finds a route, a member of a problem and a lost request id", async () => {
    const answer = await ask();
    const check = createDeclaredAnswers(document);
    expect(
      check({ ...answer, url: "/elsewhere", body: answer.body.replace("unknown_product", "unknown_order") }),
    ).not.toBeNull();
    expect(check({ ...answer, body: answer.body.replace('"productId"', '"product"') })).toContain("product,");
    expect(check({ ...answer, headers: {} })).toContain("x-request-id");
  });

  test("is asked for every answer of every test of the ingress", async () => {
    Reflect.set(world.health, "report", () => ({ ready: "yes" }));
    await expect(world.app.inject({ url: "/readyz" })).rejects.toThrow("GET /readyz answered 200");
  });
});
