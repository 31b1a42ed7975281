/** A server that closes while a request of a connection that is kept alive is under way. */
import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import { ApiWorld } from "./api-world.ts";

test("answers what is under way, and does not wait for the connection to run out of time", async () => {
  const world = await new ApiWorld().open();
  world.addProduct({}, 1);
  let release: () => void = () => undefined;
  world.held = new Promise((resolve) => (release = resolve));
  await world.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = world.app.server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true });
  const headers = { "content-type": "application/json" };
  const sent = request({ port, agent, headers, host: "127.0.0.1", method: "POST", path: "/orders" });
  sent.end(JSON.stringify({ productId: "p1", quantity: 1 }));
  await expect.poll(() => world.catalogueQuestions).toBe(1);

  const startedAt = performance.now();
  const closed = world.app.close();
  setTimeout(release, 200);
  const [response] = (await once(sent, "response")) as [{ statusCode: number; resume(): void }];
  response.resume();
  expect(response.statusCode).toBe(202);
  await closed;
  expect(performance.now() - startedAt).toBeLessThan(limits.keepAliveTimeoutMs / 10);
  agent.destroy();
});

/** Sends half a request, closes the world, sends the rest; resolves to the answer when the connection and the world are closed. */
async function answerWhileClosing({ app }: ApiWorld, begin: string, rest: string): Promise<string> {
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  const ended = once(socket, "close");
  const taken = once(app.server, "connection");
  // The connection is neither idle then nor has it asked for anything yet.
  socket.write(begin);
  await taken;
  await new Promise((resolve) => setTimeout(resolve, 50));
  const closed = app.close();
  await expect.poll(() => app.server.listening).toBe(false);
  socket.write(rest);
  await ended;
  await closed;
  return answer;
}

test("answers a request that arrives while it closes as it would at any time", async () => {
  const world = await new ApiWorld().open();
  world.addProduct({}, 1);
  const answer = await answerWhileClosing(world, "GET /products/absent HTTP/1.1\r\nho", "st: x\r\n\r\n");
  expect(answer).toContain("HTTP/1.1 404");
  expect(answer).toContain("application/problem+json");
});

test("an order that is refused at the door while it closes is told that the connection ends", async () => {
  const world = new ApiWorld();
  world.requestsUnderWayMax = 0;
  await world.open();
  const rest = "st: x\r\ncontent-length: 0\r\n\r\n";
  const answer = await answerWhileClosing(world, "POST /orders HTTP/1.1\r\nho", rest);
  expect(answer).toContain("HTTP/1.1 503");
  expect(answer).toMatch(/connection: close/i);
});
