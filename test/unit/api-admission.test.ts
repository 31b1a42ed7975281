import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAdmission } from "../../src/api/plugins/admission.ts";
import type { AdmissionBounds } from "../../src/api/plugins/admission.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";

const bounds: AdmissionBounds = { requestsMin: 10, requestsMax: 100, batchesMax: 2, requestMsMax: 250 };

function open(appendMs = 0) {
  let time = 0;
  const clock = { monotonic: () => time };
  const metrics = createMetrics({ defaults: false });
  const admission = createAdmission({ bounds, clock, metrics, appendMs: () => appendMs });
  /** As many as are let in come at once, and leave after `ms`; how many that were. */
  const round = (ms: number): number => {
    const requests: object[] = [];
    for (let request = {}; admission.admit(request, "requests"); request = {}) requests.push(request);
    time += ms;
    for (const request of requests) admission.leave(request);
    return requests.length;
  };
  const rounds = (count: number, ms: number): number[] => Array.from({ length: count }, () => round(ms));
  return { admission, round, rounds, pass: (ms: number) => (time += ms) };
}

describe("how many are let in", () => {
  test("while they are answered in time: as many as may ever be", () => {
    expect(open().rounds(20, 250)).toEqual(Array(20).fill(100));
  });

  test("while they are not: fewer and fewer, but never less than may always be; and more again", () => {
    const { rounds } = open();
    const [first, second, ...others] = rounds(60, 251);
    expect([first, second, others.at(-1)]).toEqual([100, 90, 10]);
    const back = rounds(40, 100);
    expect(back.toSorted((a, b) => a - b)).toEqual(back);
    expect(back.at(-1)).toBe(100);
  });

  test("what the log takes by itself is nobody's queue", () => {
    expect(open(100).rounds(20, 300)).toEqual(Array(20).fill(100));
    expect(open(100).rounds(20, 301).at(-1)).toBeLessThan(20);
  });

  test("a few that take long, such as what PostgreSQL is asked for, close the door to nobody", () => {
    const { admission, rounds, pass } = open();
    const slow = Array.from({ length: 20 }, () => ({}));
    for (const each of slow) admission.admit(each, "requests");
    expect(rounds(10, 10)).toEqual(Array(10).fill(80));
    pass(2_000);
    for (const each of slow) admission.leave(each);
    rounds(5, 50);
    expect(rounds(1, 50)).toEqual([100]);
  });

  test("time in which nobody came counts for more", () => {
    const { rounds, round, pass } = open();
    rounds(60, 251);
    pass(60_000);
    expect(round(1)).toBe(100);
  });

  test("one that leaves twice, or was never let in, leaves room for no other", () => {
    const { admission, round } = open();
    const [stays, leaves] = [{}, {}];
    admission.admit(stays, "requests");
    admission.admit(leaves, "requests");
    for (const each of [leaves, leaves, {}]) admission.leave(each);
    expect(round(1)).toBe(99);
  });

  test("batches have a bound of their own", () => {
    const { admission, round } = open();
    const batches = [{}, {}, {}];
    expect(batches.map((batch) => admission.admit(batch, "batches"))).toEqual([true, true, false]);
    expect(round(1)).toBe(100);
    admission.leave(batches[0] ?? {});
    expect(admission.admit({}, "batches")).toBe(true);
  });
});

describe("orders, before Fastify has looked at them", () => {
  const headers = { "content-type": "application/json", "x-request-id": "asked-1" };
  const body = JSON.stringify({ productId: "p1", quantity: 1 });
  const small = `content-length: ${body.length}`;
  let world: ApiWorld;
  let url: string;
  beforeEach(async () => {
    world = new ApiWorld();
    world.requestsUnderWayMax = 0;
    await world.open();
    world.addProduct({ id: "p1" }, 10);
    url = await world.app.listen({ port: 0, host: "127.0.0.1" });
  });
  afterEach(() => world.app.close());
  const labelled = async (name: string): Promise<string[]> =>
    (await world.metrics.registry.metrics()).split("\n").filter((line) => line.startsWith(name));
  /** What comes back, each beginning with its status, until there are so many. */
  const send = async (texts: readonly string[], answers: number): Promise<string[]> => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    let answered = "";
    socket.on("data", (some) => (answered += String(some)));
    for (const text of texts) socket.write(text);
    const parts = () => answered.split("HTTP/1.1 ").slice(1);
    await expect.poll(() => parts().length).toBe(answers);
    await expect.poll(() => answered.endsWith("}") || answered.endsWith("\r\n\r\n")).toBe(true);
    expect(socket.readyState).toBe("open");
    socket.destroy();
    return parts();
  };
  const head = (line: string, ...more: readonly string[]): string =>
    [`${line} HTTP/1.1`, "host: x", ...more, "", ""].join("\r\n");

  test("a refusal is to the letter what it is behind them, and counted as that is", async () => {
    const hooked = await world.app.inject({ method: "POST", url: "/orders", headers, payload: body });
    expect(await labelled("tallyman_http_requests_total")).toEqual([
      'tallyman_http_requests_total{method="POST",route="/orders",status="503"} 1',
    ]);
    const doored = await fetch(`${url}/orders`, { method: "POST", headers, body });
    expect([doored.status, await doored.text()]).toEqual([503, hooked.body]);
    const told = (all: Iterable<[string, unknown]>) =>
      [...all].filter(([name]) => !["date", "connection", "keep-alive"].includes(name)).toSorted();
    expect(told(doored.headers.entries())).toEqual(told(Object.entries(hooked.headers)));
    expect(await labelled("tallyman_requests_refused_total")).toEqual(["tallyman_requests_refused_total 2"]);
    expect(await labelled("tallyman_http_requests_total")).toEqual([
      'tallyman_http_requests_total{method="POST",route="/orders",status="503"} 2',
    ]);
    expect(await labelled("tallyman_http_request_seconds_count")).toEqual([
      'tallyman_http_request_seconds_count{method="POST",route="/orders"} 2',
    ]);
    expect(world.log).toEqual([]);
  });

  test("the connection is kept, and the body that nobody read is not the next request", async () => {
    const order = head("POST /orders", "content-type: application/json", small);
    const answers = await send([order, body, order + body + order, body], 3);
    expect(answers.map((answer) => answer.slice(0, 3))).toEqual(["503", "503", "503"]);
    expect(answers.join("")).not.toMatch(/connection: close/i);
  });

  test("only orders: other methods and paths, and batches, are asked behind it", async () => {
    const door = async (line: string) => (await send([head(line, "content-length: 0")], 1))[0]?.slice(0, 3);
    expect(await door("GET /livez")).toBe("200");
    expect(await door("PUT /orders")).toBe("503");
    expect(await door("HEAD /products")).toBe("503");
    expect(await door("POST /orders/batch")).toBe("400");
    expect(await labelled("tallyman_http_requests_total")).toContainEqual(
      expect.stringMatching(/method="PUT",route="\/orders",status="503"/),
    );
  });
});

describe("at the door", () => {
  let world: ApiWorld;
  let release: () => void;
  beforeEach(async () => {
    world = new ApiWorld();
    world.requestsUnderWayMax = 1;
    await world.open();
    world.addProduct({ id: "p1" }, 10);
    world.held = new Promise((resolve) => (release = resolve));
  });
  afterEach(() => world.app.close());
  const post = (headers = {}) =>
    world.app.inject({ method: "POST", url: "/orders", headers, payload: { productId: "p1", quantity: 1 } });
  /** Resolves when the log has been handed the order, which waits there. */
  const posted = async (headers = {}) => {
    const answer = post(headers);
    while (world.appendsUnderWay === 0) await new Promise((resolve) => setImmediate(resolve));
    return { answer };
  };

  test("one too many: 503 with Retry-After, and nothing in the log; then there is room again", async () => {
    const { answer } = await posted();
    const refused = await post();
    expect([refused.statusCode, refused.headers["retry-after"], bodyOf(refused).code]).toEqual([
      503,
      "1",
      "overloaded",
    ]);
    expect((await world.app.inject({ url: "/products" })).statusCode).toBe(503);
    release();
    expect((await answer).statusCode).toBe(202);
    expect(world.log).toHaveLength(1);
    expect((await post()).statusCode).toBe(202);
  });

  test("health and metrics are answered, and tell of it", async () => {
    const { answer } = await posted();
    await post();
    for (const url of ["/livez", "/readyz"]) expect((await world.app.inject({ url })).statusCode).toBe(200);
    const metrics = await world.app.inject({ url: "/metrics" });
    expect(metrics.body).toContain("tallyman_requests_refused_total 1");
    release();
    await answer;
  });

  test("who only waits for a decision takes nobody's place", async () => {
    world.decides = false;
    release();
    const waits = post({ prefer: "wait=20" });
    while (world.log.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect((await post()).statusCode).toBe(202);
    await world.decide();
    expect((await waits).statusCode).toBe(201);
  });

  test("many refusals are one line of the log", async () => {
    const { answer } = await posted();
    for (let n = 0; n < 20; n++) await post();
    const lines = world.logLines.filter(({ msg }) => String(msg).includes("more requests come"));
    expect(lines).toHaveLength(1);
    release();
    await answer;
  });
});
