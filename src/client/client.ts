import { setTimeout as sleep } from "node:timers/promises";
import { v7 } from "uuid";
import type { OrderDocument } from "../schemas/order-document.ts";
import { createCaller, TallymanUnreachable } from "./calls.ts";
import type { Fetch, RetryOptions } from "./calls.ts";
import { placeMany } from "./place-many.ts";
import type { PlaceManyOptions } from "./place-many.ts";
import { resultOf } from "./results.ts";
import type { NewOrder, OrderResult } from "./results.ts";

export type ClientOptions = {
  /** Where the apis are, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly retry?: Partial<RetryOptions>;
  /** The platform's, unless somebody else's are given, such as those of `tallyman/testing`. */
  readonly fetch?: Fetch;
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly timeout?: (ms: number) => AbortSignal;
  readonly random?: () => number;
  readonly uuid?: () => string;
};

export type PlaceOptions = {
  /** Seconds to wait for the decision, 30 at most; 0: an order that is in the log is `pending`. */
  readonly waitSeconds?: number;
  readonly signal?: AbortSignal;
};

export type Client = {
  /**
   * Places one order. Rejects with `TallymanUnreachable` when nobody told what became of it in as many tries as there are: the
   * same order with the same id may be placed again.
   */
  place(order: NewOrder, options?: PlaceOptions): Promise<OrderResult>;
  /** Places all, and yields their results in their order. Rejects as `place` does: then what is not yielded may be placed again. */
  placeMany(
    orders: AsyncIterable<NewOrder> | Iterable<NewOrder>,
    options?: PlaceManyOptions,
  ): AsyncGenerator<OrderResult, void>;
  /** The order as it is; null: proven not to exist. */
  read(orderId: string, options?: PlaceOptions): Promise<OrderDocument | null>;
  /** Resolves when the order is decided; null: proven not to exist. Rejects when the signal aborts, and as `place` does. */
  waitForDecision(orderId: string, options?: { readonly signal?: AbortSignal }): Promise<OrderDocument | null>;
};

const usualRetry: RetryOptions = { tries: 20, firstPauseMs: 100, longestPauseMs: 5_000, tryMs: 10_000 };
const longestWaitSeconds = 30;

async function sleepFor(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal });
}

/** A producer's side of Tallyman: what it sends again, it sends with the same id, so that everything counts once. */
export function createClient(options: ClientOptions): Client {
  const retry = { ...usualRetry, ...options.retry };
  const pause = options.sleep ?? sleepFor;
  const uuid = options.uuid ?? (() => v7());
  const caller = createCaller({
    url: options.url,
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    sleep: pause,
    timeout: options.timeout ?? ((ms) => AbortSignal.timeout(ms)),
    random: options.random ?? Math.random,
    retry,
  });

  const read: Client["read"] = async (orderId, { waitSeconds = 0, signal } = {}) => {
    const path = `/orders/${encodeURIComponent(orderId)}`;
    const { status, body } = await caller.call({ method: "GET", path, waitSeconds, signal });
    if (status === 404) return null;
    if (status !== 200) throw new TallymanUnreachable(`GET ${path} is answered with ${status}`);
    return body as OrderDocument; // By its contract: /openapi.json.
  };

  return {
    read,
    place: async (order, { waitSeconds = 0, signal } = {}) => {
      const orderId = order.orderId ?? uuid();
      const named = { ...order, orderId };
      const { status, body } = await caller.call({ method: "POST", path: "/orders", body: named, waitSeconds, signal });
      return resultOf(orderId, status, body);
    },
    placeMany: (orders, many = {}) => placeMany({ caller, uuid, tries: retry.tries, sleep: pause }, orders, many),
    waitForDecision: async (orderId, { signal } = {}) => {
      for (;;) {
        const order = await read(orderId, { waitSeconds: longestWaitSeconds, ...(signal !== undefined && { signal }) });
        if (order?.status !== "pending") return order;
        await caller.pause(1, null, signal);
      }
    },
  };
}
