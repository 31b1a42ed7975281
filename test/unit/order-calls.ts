/** What tests of orders ask an api for, over HTTP. */
import { uuidOf } from "../support/commands.ts";
import { ApiWorld } from "./api-world.ts";

export const orderId = uuidOf(1);
/** Answered when it is decided. */
export const wait = { prefer: "wait=5" };

/** A world whose shop has ten units of `p1`. */
export async function openShop(world = new ApiWorld()): Promise<ApiWorld> {
  await world.open();
  world.addProduct({}, 10);
  return world;
}

type Headers = Record<string, string>;

export function orderCalls(world: () => ApiWorld) {
  const get = (url: string, headers: Headers = {}) => world().app.inject({ method: "GET", url, headers });
  /** Two units, unless the payload says otherwise. */
  const place = (payload: object = {}, headers: Headers = wait) =>
    world().app.inject({
      method: "POST",
      url: "/orders",
      headers,
      payload: { orderId, productId: "p1", quantity: 2, ...payload },
    });
  /** POST /orders/{id}/… of that order. */
  const post = (what: string, headers: Headers = wait, payload?: object) =>
    world().app.inject({
      method: "POST",
      url: `/orders/${orderId}/${what}`,
      headers,
      ...(payload !== undefined && { payload }),
    });
  return { get, place, post };
}
