/** An api that listens, with ten units of one product in its shop, and what tests of followers do with it. */
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import type { LiveLimits } from "../../src/api/live/live.ts";
import { placeOrder, uuidOf } from "../support/commands.ts";
import { openEvents } from "../support/events.ts";
import type { Events } from "../support/events.ts";
import { openLive } from "../support/live-client.ts";
import type { LiveClient } from "../support/live-client.ts";
import { ApiWorld } from "./api-world.ts";

export const productId = "p1";
/** The product's description, as it is told first. */
export const described = {
  ...{ id: productId, name: "Chair", category: "furniture", priceCents: 1_250, currency: "EUR" },
  ...{ description: null, imageUrl: null, revision: 1 },
};

export class LiveApi {
  world = new ApiWorld();
  url = "";
  readonly #clients: { close(): void }[] = [];

  async open(bounds: Partial<LiveLimits> = {}): Promise<void> {
    this.world = new ApiWorld();
    this.world.liveBounds = bounds;
    await this.world.open();
    this.world.addProduct({}, 10);
    await this.world.app.listen({ host: "127.0.0.1", port: 0 });
    this.url = `http://127.0.0.1:${(this.world.app.server.address() as AddressInfo).port}`;
  }

  async follow(path: string, lastEventId?: number | string): Promise<Events> {
    const events = await openEvents(`${this.url}${path}`, lastEventId);
    this.#clients.push(events);
    return events;
  }

  async connect(): Promise<LiveClient> {
    const client = await openLive(this.url);
    this.#clients.push(client);
    return client;
  }

  /** Of all labels, one. */
  async metric(name: string): Promise<number> {
    const text = await this.world.metrics.registry.metrics();
    return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "m").exec(text)?.[1] ?? "NaN");
  }

  async sell(order: number | string, quantity = 1): Promise<void> {
    const commandId = typeof order === "number" ? uuidOf(order) : order;
    this.world.produce(placeOrder({ commandId, productId, quantity }));
    await this.world.decide();
  }

  async close(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close();
    await this.world.app.close();
  }
}

/** Closed after each test. */
export function useLiveApi(): LiveApi {
  const api = new LiveApi();
  afterEach(() => api.close());
  return api;
}
