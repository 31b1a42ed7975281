import { once } from "node:events";
import { request as httpRequest } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BatchResult } from "../../src/api/batch-orders.ts";
import { limits } from "../../src/limits.ts";
import { uuidOf } from "../support/commands.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";

let world: ApiWorld;
beforeEach(async () => {
  world = await new ApiWorld().open();
  world.addProduct({ id: "p1" }, 10);
  world.addProduct({ id: "p2" }, 3);
});
afterEach(() => world.app.close());

const ndjson = { "content-type": "application/x-ndjson" };
const order = (number: number, fields: object = {}) => ({
  orderId: uuidOf(number),
  productId: "p1",
  quantity: 1,
  ...fields,
});
const linesOf = (...lines: readonly (object | string)[]): string =>
  lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
const send = (payload: string | Buffer, headers: Record<string, string> = {}) =>
  world.app.inject({ method: "POST", url: "/orders/batch", headers: { ...ndjson, ...headers }, payload });
const resultsIn = (text: string): BatchResult[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as BatchResult);
const post = async (payload: string | Buffer, headers: Record<string, string> = {}): Promise<BatchResult[]> => {
  const answer = await send(payload, headers);
  expect([answer.statusCode, answer.headers["content-type"]]).toEqual([200, "application/x-ndjson; charset=utf-8"]);
  return resultsIn(answer.body);
};

describe("POST /orders/batch", () => {
  test("answers each line in its order, and a line that is refused spoils no other", async () => {
    const results = await post(
      linesOf(order(1), "{", "", order(2, { quantity: 0 }), order(3, { productId: "none" }), order(4)),
    );
    expect(results).toMatchObject([
      { line: 1, orderId: uuidOf(1), status: "pending", offset: 0 },
      { line: 2, status: "failed", code: "malformed_json" },
      { line: 4, status: "failed", code: "invalid_request", errors: [{ field: "/quantity" }] },
      { line: 5, orderId: uuidOf(3), status: "failed", code: "unknown_product" },
      { line: 6, orderId: uuidOf(4), status: "pending", offset: 1 },
    ]);
    expect(results.filter((result) => "retryAfter" in result)).toEqual([]);
    expect(world.log.map(({ command }) => command.commandId)).toEqual([uuidOf(1), uuidOf(4)]);
  });

  test("with Prefer: wait tells what was decided", async () => {
    const lines = linesOf(order(1, { quantity: 8 }), order(2, { quantity: 8 }), order(3, { productId: "p2" }));
    const answer = await send(lines, { prefer: "wait=5" });
    expect(answer.headers["preference-applied"]).toBe("wait=5");
    expect(resultsIn(answer.body)).toMatchObject([
      { line: 1, status: "accepted", stockAfter: 2, version: 2 },
      { line: 2, status: "rejected", code: "insufficient_stock", stockAfter: 2, detail: "8 wanted, 2 in stock." },
      { line: 3, status: "accepted", stockAfter: 2 },
    ]);
  });

  test("batches are held up while the log is slow, where single orders are refused", async () => {
    await world.app.close();
    world = new ApiWorld();
    world.writerBounds = { appendQueueRecordsMax: 20, appendBatchRecordsMax: 4 };
    await world.open();
    world.addProduct({ id: "p1" }, 1_000);
    let release: () => void = () => undefined;
    world.held = new Promise((resolve) => (release = resolve));
    const answers = Array.from({ length: 8 }, (_, batch) =>
      post(linesOf(...Array.from({ length: 9 }, (_each, n) => order(batch * 10 + n)))),
    );
    while (world.appendsUnderWay === 0) await new Promise((resolve) => setImmediate(resolve));
    release();
    const results = (await Promise.all(answers)).flat();
    expect([...new Set(results.map(({ status }) => status))]).toEqual(["pending"]);
    expect(world.log).toHaveLength(72);
  });

  test("what is not decided in time is pending", async () => {
    world.decides = false;
    expect(await post(linesOf(order(1)), { prefer: "wait=1" })).toMatchObject([{ line: 1, status: "pending" }]);
  });

  test("an id that another order has", async () => {
    await post(linesOf(order(1)), { prefer: "wait=5" });
    const [again, other] = await post(linesOf(order(1), order(1, { quantity: 2 })), { prefer: "wait=1" });
    expect(again).toMatchObject({ line: 1, status: "accepted", stockAfter: 9 });
    expect(other).toMatchObject({ line: 2, status: "failed", code: "order_id_reused" });
    expect(world.stock.get("p1")).toMatchObject({ quantity: 9 });
  });

  test("sent again with its Idempotency-Key, lines without ids are the same orders", async () => {
    const lines = linesOf({ productId: "p1", quantity: 1 }, { productId: "p1", quantity: 1 });
    const ids = async (key: string) => (await post(lines, { "idempotency-key": key })).map((each) => each.orderId);
    const first = await ids("truck-7");
    expect(new Set(first).size).toBe(2);
    expect(await ids("truck-7")).toEqual(first);
    expect(await ids("truck-8")).not.toEqual(first);
  });

  test("gzip; another encoding is refused; what is no gzip ends the answer", async () => {
    expect(await post(gzipSync(linesOf(order(1))), { "content-encoding": "gzip" })).toMatchObject([{ line: 1 }]);
    const refused = await send(linesOf(order(2)), { "content-encoding": "br" });
    expect([refused.statusCode, bodyOf(refused).code]).toEqual([415, "unsupported_media_type"]);
  });

  test("an array is answered by an array", async () => {
    const payload = JSON.stringify([order(1), { nonsense: true }, order(2)]);
    const answer = await send(payload, { "content-type": "application/json" });
    expect(JSON.parse(answer.body)).toMatchObject([
      { line: 1, status: "pending" },
      { line: 2, status: "failed", code: "invalid_request" },
      { line: 3, status: "pending" },
    ]);
    const long = JSON.stringify(Array.from({ length: limits.batchArrayOrdersMax + 1 }, () => ({})));
    const refused = await send(long, { "content-type": "application/json" });
    expect([refused.statusCode, bodyOf(refused).code]).toEqual([400, "invalid_request"]);
    const none = await send("null", { "content-type": "application/json" });
    expect([none.statusCode, bodyOf(none).code]).toEqual([400, "invalid_request"]);
  });

  test("whatever may be sent again says after how long", async () => {
    world.logAway = true;
    expect(await post(linesOf(order(1), order(2)))).toMatchObject([
      { line: 1, orderId: uuidOf(1), status: "failed", code: "log_unavailable", retryAfter: 1 },
      { line: 2, orderId: uuidOf(2), status: "failed", code: "log_unavailable", retryAfter: 1 },
    ]);
  });

  test("no body, and no content type, is a mistake", async () => {
    const answer = await world.app.inject({ method: "POST", url: "/orders/batch" });
    expect([answer.statusCode, bodyOf(answer).code]).toEqual([400, "invalid_request"]);
  });

  test("nothing at all is no orders", async () => {
    expect(await post("")).toEqual([]);
    expect(await post("\n\n")).toEqual([]);
  });

  test("a body of many pieces: every line is in the log once, in its order", async () => {
    const count = 3 * limits.batchLinesInFlightMax;
    const lines = linesOf(...Array.from({ length: count }, (_, index) => order(index)));
    const results = await post(lines);
    expect(results.map(({ line }) => line)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    expect(world.log.map(({ command }) => command.commandId)).toEqual(
      Array.from({ length: count }, (_, index) => uuidOf(index)),
    );
  });
});

describe("over a connection", () => {
  let call: ClientRequest;
  const open = async (): Promise<void> => {
    await world.app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = world.app.server.address() as AddressInfo;
    call = httpRequest({ port, host: "127.0.0.1", method: "POST", path: "/orders/batch", headers: ndjson });
    call.flushHeaders();
  };
  afterEach(() => call.destroy());

  test("results come while the body is still on its way", async () => {
    await open();
    const answered = once(call, "response") as Promise<[IncomingMessage]>;
    call.write(`${linesOf(order(1))}\n`);
    const [answer] = await answered;
    const [first] = (await once(answer, "data")) as [Buffer];
    expect(resultsIn(first.toString())).toMatchObject([{ line: 1, status: "pending" }]);
    call.write(`${linesOf(order(2))}\n`);
    const [second] = (await once(answer, "data")) as [Buffer];
    expect(resultsIn(second.toString())).toMatchObject([{ line: 2, status: "pending" }]);
    call.end();
    await once(answer.resume(), "end");
  });

  test("a server that closes answers what it has taken, and ends the answer there", async () => {
    await open();
    const answered = once(call, "response") as Promise<[IncomingMessage]>;
    call.write(`${linesOf(order(1))}\n`);
    const [answer] = await answered;
    const closed = world.app.close();
    let text = "";
    for await (const some of answer) text += String(some);
    expect(resultsIn(text)).toMatchObject([{ line: 1, status: "pending" }]);
    await closed;
  });

  test("what the log has not acknowledged holds up the body", async () => {
    let release = (): void => undefined;
    world.held = new Promise((resolve) => (release = resolve));
    await open();
    const answered = once(call, "response") as Promise<[IncomingMessage]>;
    const deliveryLocation = { latitude: 0, longitude: 0, address: "x".repeat(limits.addressCharsMax) };
    const piece = `${linesOf(...Array.from({ length: 500 }, (_, index) => order(index, { deliveryLocation })))}\n`;
    // Sockets take some of it by themselves; then it must stop.
    let pieces = 0;
    const isTaken = async (): Promise<boolean> => {
      pieces += 1;
      if (call.write(piece)) return true;
      const stalled = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 1_000));
      return Promise.race([once(call, "drain").then(() => true), stalled]);
    };
    while (await isTaken()) expect(pieces).toBeLessThan(500);
    expect(pieces).toBeGreaterThan(limits.batchLinesInFlightMax / 500);
    release();
    call.end();
    const [answer] = await answered;
    let text = "";
    for await (const some of answer) text += String(some);
    expect(resultsIn(text).length).toBe(500 * pieces);
  });
});
