/** A server that closes while a request of a connection that is kept alive is under way. */
import { once } from "node:events";
import { Agent, request } from "node:http";
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
