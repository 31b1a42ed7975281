// Alerts and webhooks over HTTP.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";

let world: ApiWorld;
beforeEach(async () => {
  world = await new ApiWorld().open();
});
afterEach(() => world.app.close());

type Method = "GET" | "POST" | "PATCH" | "DELETE";
const ask = async (method: Method, url: string, payload?: object, headers: Record<string, string> = {}) => {
  const answer = await world.app.inject({ method, url, headers, ...(payload !== undefined && { payload }) });
  return { status: answer.statusCode, headers: answer.headers, body: bodyOf(answer) };
};
const nobody = "018f7c1e-0000-7000-8000-000000000009";
const hook = { url: "https://shop.example/hooks", events: ["order.packed"] };

describe("alerts", () => {
  const alert = (id: number, productId = "p1") => ({
    ...{ id, productId, lowStockAt: 3, quantity: 2, version: id, decidedAt: 1, raisedAt: 2 },
    acknowledgedAt: null,
    acknowledgedBy: null,
  });

  test("are listed newest first, page by page, by product and by whether somebody saw to them", async () => {
    for (let id = 1; id <= 5; id++) world.alerts.push(alert(id, id === 3 ? "p2" : "p1"));
    const ids = ({ body }: { body: Record<string, unknown> }) => (body.alerts as { id: number }[]).map(({ id }) => id);
    const first = await ask("GET", "/alerts?limit=2&productId=p1");
    expect(ids(first)).toEqual([5, 4]);
    const cursor = String(first.body.next);
    expect(ids(await ask("GET", `/alerts?limit=2&productId=p1&cursor=${cursor}`))).toEqual([2, 1]);
    expect((await ask("GET", `/alerts?limit=2&productId=p1&cursor=${cursor}`)).body.next).toBeNull();
    expect((await ask("GET", `/alerts?productId=p2&cursor=${cursor}`)).body.code).toBe("invalid_cursor");
    expect((await ask("GET", "/alerts?cursor=x")).body.code).toBe("invalid_cursor");

    const seen = await ask("POST", "/alerts/4/acknowledge", undefined, { "x-actor": "ada" });
    expect(seen.body).toMatchObject({ id: 4, acknowledgedBy: "ada" });
    expect((await ask("POST", "/alerts/4/acknowledge", undefined, { "x-actor": "bob" })).body).toEqual(seen.body);
    expect(ids(await ask("GET", "/alerts?acknowledged=true"))).toEqual([4]);
    expect(ids(await ask("GET", "/alerts?acknowledged=false"))).toEqual([5, 3, 2, 1]);
    expect((await ask("POST", "/alerts/99/acknowledge")).body).toMatchObject({ code: "unknown_alert", alertId: 99 });
    world.storeAway = true;
    expect((await ask("GET", "/alerts")).body.code).toBe("store_unavailable");
  });
});

describe("webhooks", () => {
  test("are made with a secret that nobody sees again, changed, disabled, enabled and removed", async () => {
    const made = await ask("POST", "/webhooks", hook);
    const { id, secret, ...shown } = made.body;
    expect(made.status).toBe(201);
    expect(made.headers.location).toBe(`/webhooks/${String(id)}`);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(shown).toMatchObject({ ...hook, enabled: true, description: null, disabledBecause: null });
    expect((await ask("GET", `/webhooks/${String(id)}`)).body).toEqual({ id, ...shown });
    expect((await ask("GET", "/webhooks")).body).toEqual({ webhooks: [{ id, ...shown }] });
    const rotated = await ask("POST", `/webhooks/${String(id)}/secret`);
    expect(rotated.body).toEqual({ id, ...shown, secret: expect.stringMatching(/^whsec_/) as string });
    expect(rotated.body.secret).not.toBe(secret);

    const changed = await ask("PATCH", `/webhooks/${String(id)}`, { description: "ours", enabled: false });
    expect(changed.body).toMatchObject({
      ...hook,
      description: "ours",
      enabled: false,
      disabledBecause: "it was asked for",
    });
    expect((await ask("POST", `/webhooks/${String(id)}/test`)).body.code).toBe("webhook_disabled");
    expect((await ask("PATCH", `/webhooks/${String(id)}`, { enabled: true })).body).toMatchObject({
      enabled: true,
      disabledAt: null,
    });
    expect((await ask("DELETE", `/webhooks/${String(id)}`)).body).toMatchObject({ id });
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/secret"],
      ["POST", "/test"],
      ["GET", "/deliveries"],
    ] as const)
      expect((await ask(method, `/webhooks/${String(id)}${path}`)).body).toMatchObject({
        code: "unknown_webhook",
        webhookId: id,
      });
    expect((await ask("PATCH", `/webhooks/${nobody}`, { enabled: true })).body.code).toBe("unknown_webhook");
  });

  test("lead nowhere that is refused, and there are not too many", async () => {
    const refused = { ...hook, url: "https://refused.example/" };
    const answer = await ask("POST", "/webhooks", refused);
    expect(answer.body).toMatchObject({
      code: "webhook_address_refused",
      detail: "The address may not be used: it is refused.",
    });
    const { id } = (await ask("POST", "/webhooks", hook)).body;
    expect((await ask("PATCH", `/webhooks/${String(id)}`, { url: refused.url })).body.code).toBe(
      "webhook_address_refused",
    );
    for (let n = 1; n < limits.webhooksMax; n++) await ask("POST", "/webhooks", hook);
    expect((await ask("POST", "/webhooks", hook)).body.code).toBe("too_many_webhooks");
  });

  test.each([
    [{ ...hook, url: "no url" }],
    [{ ...hook, events: [] }],
    [{ ...hook, events: ["order.packed", "order.packed"] }],
    [{ ...hook, events: ["order.placed"] }],
    [{ ...hook, secret: "mine" }],
  ])("%j is refused", async (body) => {
    expect((await ask("POST", "/webhooks", body)).body.code).toBe("invalid_request");
  });

  test("are sent a test; what they were sent is listed, and sent once more", async () => {
    const { id } = (await ask("POST", "/webhooks", hook)).body;
    for (let n = 0; n < 3; n++) expect((await ask("POST", `/webhooks/${String(id)}/test`)).status).toBe(202);
    const first = await ask("GET", `/webhooks/${String(id)}/deliveries?limit=2`);
    const numbers = (first.body.deliveries as { id: string }[]).map((each) =>
      world.deliveries.findIndex((one) => one.id === each.id),
    );
    expect(numbers).toEqual([2, 1]);
    const rest = await ask("GET", `/webhooks/${String(id)}/deliveries?limit=2&cursor=${String(first.body.next)}`);
    expect(rest.body).toMatchObject({
      deliveries: [{ event: "webhook.test", state: "pending", attempts: [] }],
      next: null,
    });

    const [delivery] = world.deliveries;
    if (delivery === undefined) throw new Error("there is no delivery");
    const attempts = [{ at: 5, durationMs: 3, status: 500, error: "it answered 500", answer: "busy" }];
    world.deliveries[0] = { ...delivery, state: "failed", settledAt: 6, attempts };
    const again = await ask("POST", `/webhooks/deliveries/${delivery.id}/resend`);
    expect(again.status).toBe(202);
    expect(again.body).toMatchObject({
      state: "pending",
      settledAt: null,
      attempts: [{ at: "1970-01-01T00:00:00.005Z", status: 500 }],
    });
    expect((await ask("POST", `/webhooks/deliveries/${nobody}/resend`)).body).toMatchObject({
      code: "unknown_delivery",
      deliveryId: nobody,
    });
    world.deliveries[0] = { ...delivery, state: "failed", settledAt: 6 };
    await ask("PATCH", `/webhooks/${String(id)}`, { enabled: false });
    expect((await ask("POST", `/webhooks/deliveries/${delivery.id}/resend`)).body.code).toBe("webhook_disabled");
    expect(world.deliveries[0].state).toBe("failed");
  });
});
