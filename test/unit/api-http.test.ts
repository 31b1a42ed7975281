import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { buildOpsServer } from "../../src/api/ops-server.ts";
import { problems } from "../../src/api/problems.ts";
import { limits } from "../../src/limits.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";

let world: ApiWorld;
beforeEach(async () => {
  world = await new ApiWorld().open();
  world.addProduct({}, 10);
});
afterEach(() => world.app.close());

const order = { productId: "p1", quantity: 1 };
type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
const send = (method: Method, url: string, payload?: string, headers: Record<string, string> = {}) =>
  world.app.inject({ method, url, headers, ...(payload !== undefined && { payload }) });
const json = { "content-type": "application/json" };

test.each<[string, number, Method, string, string | undefined, Record<string, string>]>([
  ["route_not_found", 404, "GET", "/nothing", undefined, {}],
  ["route_not_found", 404, "POST", "/order", "{}", json],
  ["invalid_request", 400, "GET", "/orders/", undefined, {}],
  ["malformed_json", 400, "POST", "/orders", "{", json],
  ["invalid_request", 400, "POST", "/orders", "", json],
  ["invalid_request", 400, "POST", "/orders", "null", json],
  ["malformed_json", 400, "POST", "/orders", '{"__proto__":{},"productId":"p1","quantity":1}', json],
  ["unsupported_media_type", 415, "POST", "/orders", "a=1", { "content-type": "application/x-www-form-urlencoded" }],
  ["unsupported_media_type", 415, "POST", "/orders", "{}", { "content-type": "text/plain" }],
  ["body_too_large", 413, "POST", "/orders", JSON.stringify({ x: "x".repeat(limits.commandBodyBytesMax) }), json],
  ["invalid_request", 400, "POST", "/orders", JSON.stringify(order), { ...json, "idempotency-key": "k".repeat(201) }],
  ["malformed_http", 400, "GET", "/orders/%zz", undefined, {}],
  ["invalid_request", 400, "GET", `/products/${"p".repeat(65)}`, undefined, {}],
])("%s: %i for %s %s", async (code, status, method, url, payload, headers) => {
  const answer = await send(method, url, payload, headers);
  expect(answer.statusCode).toBe(status);
  expect(answer.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
  const problem = bodyOf(answer);
  expect(problem).toMatchObject({ code, status, type: `urn:tallyman:problem:${code}` });
  expect(problem.requestId).toBe(answer.headers["x-request-id"]);
  expect(typeof problem.title).toBe("string");
});

test.each<[string, string, string]>([
  ["DELETE", "/orders", "GET, HEAD, POST"],
  ["PUT", "/products/p1", "GET, HEAD, PATCH"],
  ["GET", "/orders/lookup2/cancel", "POST"],
  ["GET", "/products/p1/stock", "PUT"],
  ["POST", "/livez", "GET, HEAD"],
  ["TRACE", "/orders", "GET, HEAD, POST"],
  ["PROPFIND", "/products/p1", "GET, HEAD, PATCH"],
  ["QUERY", "/orders", "GET, HEAD, POST"],
  ["M-SEARCH", "/livez", "GET, HEAD"],
])("405 with Allow for %s %s, whatever the body", async (method, url, allow) => {
  // The types of inject know fewer methods than HTTP does.
  const answer = await send(method as Method, url, method === "GET" ? undefined : "<xml/>", {
    "content-type": "text/xml",
  });
  expect(answer.statusCode).toBe(405);
  expect(answer.headers.allow).toBe(allow);
  expect(bodyOf(answer).code).toBe("method_not_allowed");
});

test("what breaks inside is told as nothing but that, and logged with the request's id", async () => {
  world.metrics.registry.metrics = () => Promise.reject(new Error("secret inside"));
  const answer = await send("GET", "/metrics", undefined, { "x-request-id": "caller-1" });
  expect(answer.statusCode).toBe(500);
  expect(answer.body).not.toContain("secret");
  expect(bodyOf(answer)).toMatchObject({ code: "internal_error", requestId: "caller-1" });
  expect(world.logLines).toContainEqual(
    expect.objectContaining({ level: 50, reqId: "caller-1", code: "internal_error" }),
  );
});

test("a caller's request id is kept when it is plain, else one is made; success logs nothing at info", async () => {
  expect((await send("GET", "/livez", undefined, { "x-request-id": "abc/1" })).headers["x-request-id"]).toBe("abc/1");
  const made = (await send("GET", "/livez", undefined, { "x-request-id": "a b\tc" })).headers["x-request-id"];
  expect(made).toMatch(/^[\w-]+$/);
  expect((await send("GET", "/livez")).headers["x-request-id"]).not.toBe(made);
  expect(world.logLines.filter(({ level }) => Number(level) >= 30)).toEqual([]);
});

describe("operations", () => {
  test("livez asks nobody; readyz tells of each dependency", async () => {
    world.storeAway = world.logAway = true;
    expect((await send("GET", "/livez")).statusCode).toBe(200);
    expect((await send("GET", "/readyz")).statusCode).toBe(200);
    world.health.set("kafka", true, "down", "refused");
    const answer = await send("GET", "/readyz");
    expect(answer.statusCode).toBe(503);
    const kafka = {
      name: "kafka",
      state: "down",
      detail: "refused",
      required: true,
      since: expect.any(String) as string,
    };
    expect(bodyOf(answer)).toMatchObject({ ready: false, dependencies: expect.arrayContaining([kafka]) as unknown[] });
  });

  test("metrics count answers by route pattern, never by path", async () => {
    await send("GET", "/orders/00000000-0000-4000-8000-000000000001");
    await send("GET", "/some/path");
    await send("POST", "/orders", JSON.stringify(order), json);
    const text = (await send("GET", "/metrics")).body;
    expect(text).toContain('tallyman_http_requests_total{method="GET",route="/orders/:id",status="404"} 1');
    expect(text).toContain('tallyman_http_requests_total{method="GET",route="none",status="404"} 1');
    expect(text).toContain('tallyman_http_requests_total{method="POST",route="/orders",status="202"} 1');
    expect(text).toContain("tallyman_appends_total 1");
    expect(text).not.toContain("/some/path");
  });

  test("a process without routes has the same three, and the same problems", async () => {
    const { health, metrics } = world;
    const app = await buildOpsServer({ health, metrics, logger: pino({ level: "silent" }) });
    for (const url of ["/livez", "/readyz", "/metrics"]) expect((await app.inject({ url })).statusCode).toBe(200);
    expect(bodyOf(await app.inject({ url: "/orders" })).code).toBe("route_not_found");
    expect(bodyOf(await app.inject({ method: "POST", url: "/livez" })).code).toBe("method_not_allowed");
    await app.close();
  });
});

describe("documentation", () => {
  type Operation = { responses: Record<string, { content?: Record<string, unknown> }>; summary?: string };
  const openapi = async () => {
    const answer = await send("GET", "/openapi.json");
    expect(answer.statusCode).toBe(200);
    return bodyOf(answer) as { openapi: string; paths: Record<string, Record<string, Operation>> };
  };

  test("every route, its body's rules and its problems", async () => {
    const { openapi: version, paths } = await openapi();
    expect(version).toBe("3.1.0");
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((one) => `${one} ${path}`),
    );
    expect(operations.filter((one) => !one.startsWith("head")).sort()).toEqual(
      [
        "post /orders",
        "get /orders",
        "get /orders/{id}",
        "get /orders/{id}/events",
        "post /orders/lookup",
        "post /orders/batch",
        "post /orders/{id}/cancel",
        "post /orders/{id}/pack",
        "post /orders/{id}/out-for-delivery",
        "post /orders/{id}/deliver",
        "get /orders/{id}/fulfilment",
        "post /products",
        "get /products",
        "get /products/{id}",
        "get /products/{id}/events",
        "patch /products/{id}",
        "get /categories",
        "get /catalogue",
        "post /catalogue",
        "post /products/{id}/restock",
        "post /drivers",
        "get /drivers",
        "get /drivers/{id}",
        "put /drivers/{id}/duty",
        "put /drivers/{id}/location",
        "post /drivers/locations",
        "get /drivers/nearest",
        "put /orders/{id}/driver",
        "get /orders/{id}/driver",
        "get /orders/{id}/assignment",
        "delete /orders/{id}/driver",
        "put /products/{id}/stock",
        "post /products/{id}/archive",
        "post /products/{id}/restore",
        "get /alerts",
        "get /audits",
        "post /alerts/{id}/acknowledge",
        "post /webhooks",
        "get /webhooks",
        "get /webhooks/{id}",
        "patch /webhooks/{id}",
        "delete /webhooks/{id}",
        "post /webhooks/{id}/secret",
        "post /webhooks/{id}/test",
        "get /webhooks/{id}/deliveries",
        "post /webhooks/deliveries/{id}/resend",
        "get /livez",
        "get /readyz",
        "get /metrics",
      ].sort(),
    );
    const place = paths["/orders"]?.post;
    expect(Object.keys(place?.responses ?? {})).toEqual(
      expect.arrayContaining(["201", "202", "400", "404", "409", "422", "503"]),
    );
    const text = JSON.stringify(place);
    expect(text).toContain('"insufficient_stock"');
    expect(text).toContain('"additionalProperties":false');
    expect(text).toContain('"maximum":1000000');
    expect(place?.responses["409"]?.content).toHaveProperty(["application/problem+json"]);
  });

  test("every problem that a route can give, and every one at all, is in docs/http.md with its status", async () => {
    const text = await readFile(new URL("../../docs/http.md", import.meta.url), "utf8");
    const listed = [...text.matchAll(/^\| `([a-z_]+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [
      code,
      Number(status),
    ]);
    const closed = Object.entries(problems).map(([code, { status }]) => [code, status]);
    expect(listed.sort()).toEqual(closed.sort());
  });

  test("the page and its script come from here", async () => {
    const page = await send("GET", "/docs/");
    expect(page.statusCode).toBe(200);
    expect(page.headers["content-type"]).toContain("text/html");
    for (const [, url = ""] of page.body.matchAll(/(?:src|href)="([^"]+)"/g))
      expect(url).not.toMatch(/^(https?:)?\/\//);
    const script = /src="([^"]+\.js)"/.exec(page.body)?.[1] ?? "";
    expect((await send("GET", new URL(script, "http://here/docs/").pathname)).statusCode).toBe(200);
  });
});

test("what is not HTTP is answered as a problem too", async () => {
  await world.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = world.app.server.address() as AddressInfo;
  const exchange = (bytes: string) =>
    new Promise<string>((resolve, reject) => {
      let text = "";
      const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
      socket.setEncoding("utf8").on("data", (chunk) => (text += String(chunk)));
      socket.on("close", () => resolve(text)).on("error", reject);
    });
  const malformed = await exchange("NONSENSE\r\n\r\n");
  expect(malformed).toMatch(/^HTTP\/1.1 400 /);
  expect(malformed).toContain('"code":"malformed_http"');
  const huge = await exchange(`GET / HTTP/1.1\r\nhost: a\r\nx: ${"x".repeat(20_000)}\r\n\r\n`);
  expect(huge).toMatch(/^HTTP\/1.1 431 /);
  expect(huge).toContain('"code":"headers_too_large"');
});
