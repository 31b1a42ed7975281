/**
 * The people of the shop: they pack what is accepted, give it to the nearest free driver, send it out, and fill shelves that get empty. They see
 * every order, whoever placed it, for they look at the API's list; those from /shop come first, for somebody looks at them.
 *
 * I1 An order is in hand once: what was seen is not taken again. Where two demos run at once, the API decides which one has it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Ask } from "./calls.ts";
import type { Drivers } from "./drivers.ts";
import type { Randomness } from "./randomness.ts";
import type { Tally } from "./tally.ts";
import type { Place } from "./streets.ts";
import { town } from "./town.ts";

type Order = {
  readonly orderId: string;
  readonly productId: string;
  readonly customerId: string | null;
  readonly deliveryLocation: Place | null;
  readonly fulfilment: string | null;
  readonly stockAfter: number | null;
};

export type ShopFloor = {
  /** Goes on with what an earlier demo left, then with all that comes, until the demo ends. */
  run(left: ReadonlyMap<string, string>): Promise<void>;
  /** Packed or to be packed, and not on its way yet. */
  waiting(): number;
};

const lookMs = 1_000;
const pageSize = 100;
/** An earlier demo's orders are looked for so many pages back. */
const pagesMax = 5;
const seenMax = 20_000;
const few = 4;

export type ShopFloorOptions = {
  readonly ask: Ask;
  readonly drivers: Drivers;
  readonly random: Randomness;
  readonly tally: Tally;
  readonly pace: number;
  readonly signal: AbortSignal;
};

export function createShopFloor({ ask, drivers, random, tally, pace, signal }: ShopFloorOptions): ShopFloor {
  const seen = new Set<string>();
  const toPack: Order[] = [];
  const toSend: Order[] = [];
  const restocking = new Set<string>();
  const pause = (ms: number) => sleep(ms / pace, undefined, { signal });
  const comeFirst = (queue: Order[], order: Order): void => {
    if (order.customerId?.startsWith("shop-") === true) queue.unshift(order);
    else queue.push(order);
  };

  /** Those that are accepted, and nobody has seen: newest first. */
  const look = async (): Promise<void> => {
    let cursor = "";
    for (let page = 0; page < pagesMax; page += 1) {
      const { body } = await ask("GET", `/orders?status=accepted&limit=${pageSize}${cursor}`);
      const orders = (body.orders ?? []) as Order[];
      const fresh = orders.filter(({ orderId }) => !seen.has(orderId));
      for (const order of fresh) {
        seen.add(order.orderId); // I1
        if (order.fulfilment === null) comeFirst(toPack, order);
        else if (order.fulfilment === "packed") comeFirst(toSend, order);
        if (order.stockAfter !== null && order.stockAfter <= few) void follow(restock(order.productId));
      }
      if (fresh.length < orders.length || typeof body.next !== "string") break;
      cursor = `&cursor=${encodeURIComponent(body.next)}`;
    }
    for (const id of seen) {
      if (seen.size <= seenMax) break;
      seen.delete(id);
    }
  };

  const pack = async (): Promise<void> => {
    for (;;) {
      const order = toPack.shift();
      if (order === undefined) await pause(500);
      else {
        await pause(random.between(1_500, 4_000));
        const { status } = await ask("POST", `/orders/${order.orderId}/pack`);
        if (status === 200) {
          tally.packed += 1;
          comeFirst(toSend, order);
        } else if (status === 202) toPack.push(order); // Not decided yet: the same again.
      }
    }
  };

  const send = async (): Promise<void> => {
    for (;;) {
      const order = toSend[0];
      const driverId = order === undefined ? undefined : await freeDriver();
      if (order === undefined || driverId === undefined) await pause(500);
      else {
        const taken = toSend.splice(toSend.indexOf(order), 1);
        const { status } = await ask("PUT", `/orders/${order.orderId}/driver`, { body: { driverId } });
        if (status === 200) void follow(deliver(order, driverId, false));
        else if (status === 409 || status === 422) {
          // Another one was first: at the driver, or at the order.
          const again = await ask("GET", `/orders/${order.orderId}/assignment`);
          if (again.body.driverId === null) toSend.push(...taken);
        }
      }
    }
  };
  const freeDriver = async (): Promise<string | undefined> => {
    const { latitude, longitude } = town.shop;
    const { body } = await ask("GET", `/drivers/nearest?near=${latitude},${longitude}`);
    return ((body.drivers ?? []) as { id: string }[]).find(({ id }) => drivers.isOurs(id))?.id;
  };

  /** From the shop to the door; `isOut`: it has left the shop before. */
  const deliver = async ({ orderId, deliveryLocation }: Order, driverId: string, isOut: boolean): Promise<void> => {
    if (!isOut) {
      await drivers.drive(driverId, town.shop);
      await ask("POST", `/orders/${orderId}/out-for-delivery`, { key: `demo-out-${orderId}` });
    }
    tally.onTheirWay += 1;
    await drivers.drive(driverId, deliveryLocation ?? town.shop);
    await pause(2_000);
    await ask("POST", `/orders/${orderId}/deliver`, { key: `demo-deliver-${orderId}` });
    tally.onTheirWay -= 1;
    tally.delivered += 1;
  };

  /** Not at once, and not always: what is sold out for a while is a part of the picture. */
  const restock = async (productId: string): Promise<void> => {
    if (restocking.has(productId)) return;
    restocking.add(productId);
    await pause(random.between(10_000, 60_000));
    const body = { quantity: random.integer(20, 60), reference: "demo" };
    await ask("POST", `/products/${encodeURIComponent(productId)}/restock`, {
      body,
      key: `demo-${crypto.randomUUID()}`,
    });
    restocking.delete(productId);
    tally.restocked += 1;
  };

  const failures: unknown[] = [];
  /** What goes on beside the rest. That it ends with the demo is no failure. */
  const follow = (work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) => {
      if (!signal.aborted) failures.push(error);
    });

  const goOnWith = async (left: ReadonlyMap<string, string>): Promise<void> => {
    for (const [driverId, orderId] of left) {
      const { status, body } = await ask("GET", `/orders/${orderId}`);
      if (status !== 200) continue;
      seen.add(orderId);
      const order = body as unknown as Order;
      if (order.fulfilment === "packed") void follow(deliver(order, driverId, false));
      else if (order.fulfilment === "out_for_delivery") void follow(deliver(order, driverId, true));
      else await ask("DELETE", `/orders/${orderId}/driver`);
    }
  };

  return {
    waiting: () => toPack.length + toSend.length,
    async run(left) {
      await goOnWith(left);
      const looks = async (): Promise<void> => {
        for (;;) {
          await look();
          if (failures.length > 0) throw failures[0];
          await pause(lookMs);
        }
      };
      await Promise.all([looks(), pack(), pack(), pack(), send()]);
    },
  };
}
