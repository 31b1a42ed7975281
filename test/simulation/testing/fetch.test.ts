// The simulated fetch behaves as the platform's does.
import { describe, expect, test } from "vitest";
import { simulateTallyman } from "tallyman/testing";
import type { SimulatedTallyman, SimulationOptions } from "tallyman/testing";

const json = { "content-type": "application/json" };
const well = (options: Partial<SimulationOptions> = {}): SimulatedTallyman =>
  simulateTallyman({ seed: 1, faults: "none", products: { chair: 5 }, ...options });
const orderOf = (quantity: number): RequestInit => ({
  method: "POST",
  headers: { ...json, Prefer: "wait=5" },
  body: JSON.stringify({ productId: "chair", quantity }),
});

describe("answers", () => {
  test("are responses, with status, headers and JSON", async () => {
    const shop = well();
    await shop.run(async () => {
      const response = await shop.fetch(`${shop.url}/orders`, orderOf(3));
      expect(response).toBeInstanceOf(Response);
      expect([response.status, response.ok, response.url]).toEqual([201, true, "http://tallyman.test/orders"]);
      expect(response.headers.get("Preference-Applied")).toBe("wait=5");
      expect(response.headers.get("content-type")).toContain("application/json");
      expect(await response.json()).toMatchObject({ status: "accepted", quantity: 3, stockAfter: 2 });
    });
  });

  test("that refuse resolve too, as problems", async () => {
    const shop = well();
    await shop.run(async () => {
      const refused = await shop.fetch(`${shop.url}/orders`, orderOf(6));
      expect([refused.status, refused.ok]).toEqual([409, false]);
      expect(refused.headers.get("content-type")).toContain("application/problem+json");
      expect(await refused.json()).toMatchObject({ code: "insufficient_stock", available: 5 });
    });
  });

  test.each<[number, string, string, RequestInit]>([
    [400, "malformed_json", "/orders", { method: "POST", headers: json, body: "{" }],
    [400, "invalid_request", "/orders", { method: "POST", headers: json, body: "{}" }],
    [400, "invalid_request", "/orders", { method: "POST" }],
    [413, "body_too_large", "/orders", { method: "POST", headers: json, body: `"${"x".repeat(40_000)}"` }],
    [415, "unsupported_media_type", "/orders", { method: "POST", body: "{}" }],
    [404, "route_not_found", "/nothing", {}],
    [405, "method_not_allowed", "/products/chair", { method: "DELETE" }],
  ])("%d %s at %s", async (status, code, path, init) => {
    const shop = well();
    const response = await shop.run(() => shop.fetch(shop.url + path, init));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code, status });
  });

  test("come whatever the question is made of: a URL, a Request, Headers, bytes, a query", async () => {
    const shop = well();
    await shop.run(async () => {
      const url = new URL("/orders", shop.url);
      const body = new TextEncoder().encode(JSON.stringify({ productId: "chair", quantity: 1 }));
      const request = new Request(url, { method: "post", headers: new Headers(json), body });
      expect((await shop.fetch(request)).status).toBe(202);
      expect(await (await shop.fetch(`${shop.url}/products?limit=1`)).json()).toMatchObject({
        products: [{ id: "chair" }],
      });
    });
  });
});

describe("no answer", () => {
  test("is a TypeError, when the connection was lost before the request arrived or after it was executed", async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) {
      const shop = well({ seed });
      await shop.run(async () => {
        shop.perform({ do: "lossy http", rate: 0.7, forMs: 60_000 });
        const error: unknown = await shop.fetch(`${shop.url}/orders`, orderOf(1)).catch((caught: unknown) => caught);
        if (error instanceof Response) return;
        expect(error).toBeInstanceOf(TypeError);
        expect(error).toMatchObject({ message: "fetch failed", cause: { name: "ConnectionLost" } });
        await shop.sleep(2_000);
        outcomes.add(shop.orders().length === 1 ? "executed" : "lost");
      });
    }
    expect([...outcomes].toSorted()).toEqual(["executed", "lost"]);
  });

  test("comes of an api that is dead, and of an origin that is not there", async () => {
    const shop = well({ apis: 1 });
    await shop.run(async () => {
      await expect(shop.fetch("http://elsewhere.test/orders")).rejects.toThrow(TypeError);
      shop.perform({ do: "kill", kind: "api", number: 0, backMs: 5_000 });
      await expect(shop.fetch(`${shop.url}/products/chair`)).rejects.toMatchObject({
        name: "TypeError",
        cause: { message: expect.stringContaining("connection refused") as string },
      });
      await shop.sleep(6_000);
      expect((await shop.fetch(`${shop.url}/products/chair`)).status).toBe(200);
    });
  });

  test("an address that is none is a TypeError, as the platform has it", async () => {
    const shop = well();
    await shop.run(() => expect(shop.fetch("/orders")).rejects.toThrow(TypeError));
  });
});

describe("signals", () => {
  test("that were aborted before: nothing is sent", async () => {
    const shop = well();
    await shop.run(async () => {
      const reason = new Error("not any more");
      const signal = AbortSignal.abort(reason);
      await expect(shop.fetch(`${shop.url}/orders`, { ...orderOf(1), signal })).rejects.toBe(reason);
      await shop.sleep(5_000);
      expect(shop.orders()).toEqual([]);
    });
  });

  test("that abort meanwhile: rejects at once, and the order may be executed all the same", async () => {
    const shop = well({ apis: 1 });
    await shop.run(async () => {
      const controller = new AbortController();
      const answer = shop.fetch(`${shop.url}/orders`, { ...orderOf(1), signal: controller.signal });
      shop.perform({ do: "slow", service: "log", factor: 400, forMs: 60_000 });
      await shop.sleep(20);
      const before = shop.now();
      controller.abort();
      await expect(answer).rejects.toMatchObject({ name: "AbortError" });
      expect(shop.now()).toBe(before);
    });
    await shop.settle();
    expect(shop.orders()).toHaveLength(1);
    shop.check();
  });

  test("of a timeout abort in the world's time", async () => {
    const shop = well({ apis: 1 });
    await shop.run(async () => {
      shop.perform({ do: "stop", kind: "api", number: 0, forMs: 30_000, suspended: false });
      const before = shop.now();
      const answer = shop.fetch(`${shop.url}/products/chair`, { signal: shop.timeout(1_500) });
      await expect(answer).rejects.toMatchObject({ name: "TimeoutError" });
      expect(shop.now() - before).toBe(1_500);
    });
  });
});
