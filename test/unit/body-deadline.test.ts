/** Bodies that are late, over a real connection. For the deadline alone, time passes when the test says so. */
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../src/limits.ts";
import { uuidOf } from "../support/commands.ts";
import { ApiWorld } from "./api-world.ts";

const limitMs = limits.requestTimeoutMs;
const order = JSON.stringify({ orderId: uuidOf(1), productId: "p1", quantity: 1 });
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const endOfBody = "0\r\n\r\n";

let world: ApiWorld;
let client: Socket;
/** The server's side of the connection. */
let server: Socket;
let answered: string;

const until = async (what: string, isSo: () => boolean): Promise<void> => {
  for (let tries = 0; !isSo(); tries += 1) {
    if (tries === 2_000) throw new Error(`waited in vain: ${what}; answered is ${answered}`);
    await sleep(5);
  }
};
/** Resolves when the server has read it. */
const send = async (text: string): Promise<void> => {
  const bytes = server.bytesRead + Buffer.byteLength(text);
  client.write(text);
  await until(`the server reads ${text}`, () => server.bytesRead >= bytes);
};
const sendHead = (path: string, ...headers: string[]): Promise<void> =>
  send([`POST ${path} HTTP/1.1`, "host: tallyman", ...headers, "", ""].join("\r\n"));
const sendBatchHead = () =>
  sendHead("/orders/batch", "content-type: application/x-ndjson", "transfer-encoding: chunked");

const open = async (requestsUnderWayMax?: number): Promise<void> => {
  world = new ApiWorld();
  world.requestsUnderWayMax = requestsUnderWayMax;
  await world.open();
  world.addProduct({ id: "p1" }, 10);
  await world.app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = world.app.server.address() as AddressInfo;
  let accepted: Socket | undefined;
  world.app.server.once("connection", (socket: Socket) => (accepted = socket));
  answered = "";
  client = connect(port, "127.0.0.1");
  client.on("data", (some) => (answered += String(some))).on("error", () => undefined);
  await until("the connection is there", () => accepted !== undefined);
  if (accepted !== undefined) server = accepted;
};
const close = async (): Promise<void> => {
  client.destroy();
  await world.app.close();
};
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  await open();
});
afterEach(async () => {
  await close();
  vi.useRealTimers();
});

describe("a body that is late", () => {
  test.each([
    ["of a length that was told", "content-length: 100", "x"],
    ["in chunks", "transfer-encoding: chunked", chunk("x")],
  ])("ends its request with 408, however steadily it drips: %s", async (_how, header, drip) => {
    await sendHead("/orders", "content-type: application/json", header);
    for (let tenths = 1; tenths < 10; tenths += 1) {
      vi.advanceTimersByTime(limitMs / 10);
      await send(drip);
    }
    expect([answered, server.destroyed]).toEqual(["", false]);
    vi.advanceTimersByTime(limitMs / 10);
    await until("the connection ends", () => client.closed);
    expect(answered).toMatch(/^HTTP\/1\.1 408 /);
    expect(answered).toContain('"code":"request_timeout"');
  });

  test("after the answer: what nobody reads has no more time", async () => {
    await sendHead("/livez", "content-length: 100");
    await until("the answer is there", () => answered.includes("method_not_allowed"));
    for (let tenths = 1; tenths < 10; tenths += 1) {
      vi.advanceTimersByTime(limitMs / 10);
      await send("x");
    }
    expect(server.destroyed).toBe(false);
    vi.advanceTimersByTime(limitMs / 5);
    await until("the connection ends", () => client.closed);
  });

  test.each([
    ["long", `content-length: ${limits.commandBodyBytesMax + 1}`, "x"],
    ["of no length that was told", "transfer-encoding: chunked", chunk("x")],
  ])("after an order was refused at the door, where the body is %s: the same", async (_how, header, drip) => {
    await close();
    await open(0);
    await sendHead("/orders", "content-type: application/json", header);
    await until("the answer is there", () => answered.includes("overloaded"));
    await send(drip);
    vi.advanceTimersByTime(1.2 * limitMs);
    await until("the connection ends", () => client.closed);
  });

  test("of a batch: bytes that keep coming keep it going", async () => {
    await sendBatchHead();
    for (const some of order) {
      vi.advanceTimersByTime(0.8 * limitMs);
      await send(chunk(some));
    }
    await send(endOfBody);
    await until("the answer is whole", () => answered.endsWith(endOfBody));
    expect(answered).toMatch(/^HTTP\/1\.1 200 /);
    expect(answered).toContain('"status":"pending"');
  });

  test("of a batch, of which nothing came: 408", async () => {
    await sendBatchHead();
    vi.advanceTimersByTime(1.2 * limitMs);
    await until("the connection ends", () => client.closed);
    expect(answered).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("of a batch, of which nothing comes any more: its answer ends where it is", async () => {
    await sendBatchHead();
    await send(chunk(`${order}\n`));
    await until("the first order is answered", () => answered.endsWith("}\n\r\n"));
    const soFar = answered;
    vi.advanceTimersByTime(0.8 * limitMs);
    expect(server.destroyed).toBe(false);
    vi.advanceTimersByTime(0.6 * limitMs);
    await until("the connection ends", () => client.closed);
    expect(answered).toBe(soFar);
  });
});

test.each([
  ["an order", "/orders", ["content-type: application/json", `content-length: ${order.length}`], order, 202],
  [
    "a batch",
    "/orders/batch",
    ["content-type: application/x-ndjson", "transfer-encoding: chunked"],
    chunk(order) + endOfBody,
    200,
  ],
])("a body that came: its answer may take its time: %s", async (_what, path, headers, body, status) => {
  let release = (): void => undefined;
  world.held = new Promise((resolve) => (release = resolve));
  await sendHead(path, ...headers);
  await send(body);
  vi.advanceTimersByTime(3 * limitMs);
  expect([answered, server.destroyed]).toEqual(["", false]);
  release();
  await until("it is answered", () => answered.includes(uuidOf(1)));
  expect(answered).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
});
