/**
 * Scripts of HTTP calls about a few products and orders, and the clients that send them to a real api, side by side. What
 * came back is a history, with the time of each call, for `http-judge.ts`.
 *
 * Names: products and orders of a script are numbers; each run gives them ids of its own. An order has one product that it
 * is placed for; a cancel may name another one.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";

export const productCount = 3;
export const orderCount = 5;
/** Created before the clients begin; the others only if a script does so. */
export const stockedProducts = 2;

export type Call =
  | { readonly kind: "create"; readonly product: number; readonly stock: number; readonly priceCents: number }
  | { readonly kind: "place"; readonly order: number; readonly quantity: number; readonly byKey: boolean }
  | { readonly kind: "cancel"; readonly order: number; readonly names: "nothing" | "own" | "other" }
  | { readonly kind: "restock"; readonly product: number; readonly quantity: number; readonly key: string | null }
  | {
      readonly kind: "count";
      readonly product: number;
      readonly quantity: number;
      readonly asOfVersion: number | null;
      readonly key: string | null;
    }
  | { readonly kind: "read"; readonly product: number };

const product = fc.nat({ max: productCount - 1 });
const order = fc.nat({ max: orderCount - 1 });
const few = fc.integer({ min: 1, max: 4 });
const key = fc.option(fc.constant("again"), { freq: 2 });

const call: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("create"), product, stock: few, priceCents: fc.constantFrom(100, 200) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("place"), order, quantity: few, byKey: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("cancel"),
      order,
      names: fc.constantFrom("nothing", "own", "own", "own", "other"),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("restock"), product, quantity: few, key }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("count"),
      product,
      quantity: fc.nat({ max: 5 }),
      asOfVersion: fc.option(fc.integer({ min: 1, max: 5 }), { freq: 3 }),
      key,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("read"), product }) },
);

/** One script for each client. */
export const scripts: fc.Arbitrary<Call[][]> = fc.array(fc.array(call, { minLength: 5, maxLength: 8 }), {
  minLength: 4,
  maxLength: 6,
});

/** The ids that one run gives to the numbers of its script. */
export type Names = {
  readonly products: readonly string[];
  readonly orders: readonly string[];
  /** The product that an order is placed for. */
  home(order: number): string;
  /** The product that a cancel names; null: none. */
  named(call: Call & { kind: "cancel" }): string | null;
};

export function freshNames(): Names {
  const run = randomBytes(4).toString("hex");
  const products = Array.from({ length: productCount }, (_, n) => `${run}-${n}`);
  const at = (index: number): string => products[index % productCount] ?? "";
  return {
    products,
    orders: Array.from({ length: orderCount }, () => randomUUID()),
    home: at,
    named: ({ order: number, names }) => (names === "nothing" ? null : at(names === "own" ? number : number + 1)),
  };
}

/** What the judge reads of an answer, be it a product, an order, a receipt or a problem. */
export type AnswerBody = {
  readonly code?: string;
  readonly status?: string | number;
  readonly orderId?: string;
  readonly commandId?: string;
  readonly productId?: string;
  readonly quantity?: number;
  readonly unitPriceCents?: number | null;
  readonly available?: number;
  readonly stockAfter?: number | null;
  readonly version?: number | null;
  readonly reason?: string | null;
  readonly priceCents?: number;
  readonly initialStock?: { readonly commandId: string; readonly quantity: number; readonly status: string };
};

/** `startedAt` is before the request left, `endedAt` after its answer was read: milliseconds of one clock. */
export type Exchange = {
  readonly call: Call;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly status: number;
  readonly body: AnswerBody;
};

const waitSeconds = 30;
const againMs = 50;
const againLimitMs = 20_000;

/** Sends all scripts at once, each client its own, one call after another. */
export async function play(url: string, names: Names, clients: readonly (readonly Call[])[]): Promise<Exchange[]> {
  const history: Exchange[] = [];
  const exchange = async (sent: Call): Promise<void> => {
    const startedAt = performance.now();
    for (;;) {
      const { status, body } = await send(url, names, sent);
      // Nothing is decided by a 503 for want of proof: it says to ask again.
      if (status === 503 && performance.now() - startedAt < againLimitMs) {
        await sleep(againMs);
        continue;
      }
      history.push({ call: sent, startedAt, endedAt: performance.now(), status, body });
      return;
    }
  };
  for (let n = 0; n < stockedProducts; n += 1)
    await exchange({ kind: "create", product: n, stock: 3, priceCents: 100 });
  await Promise.all(
    clients.map(async (script) => {
      for (const sent of script) await exchange(sent);
    }),
  );
  return history;
}

async function send(url: string, names: Names, sent: Call): Promise<{ status: number; body: AnswerBody }> {
  const { path, method, body, key: given } = requestOf(names, sent);
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      prefer: `wait=${waitSeconds}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(given === null ? {} : { "idempotency-key": given }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as AnswerBody };
}

type Request = { readonly path: string; readonly method: string; readonly body?: object; readonly key: string | null };

function requestOf(names: Names, sent: Call): Request {
  const productId = "product" in sent ? (names.products[sent.product] ?? "") : "";
  const orderId = "order" in sent ? (names.orders[sent.order] ?? "") : "";
  switch (sent.kind) {
    case "create": {
      const { stock: initialStock, priceCents } = sent;
      const body = { id: productId, name: productId, category: "property", priceCents, initialStock };
      return { path: "/products", method: "POST", body, key: null };
    }
    case "place": {
      const content = { productId: names.home(sent.order), quantity: sent.quantity };
      // A key that is a UUID is the order's id.
      const body = sent.byKey ? content : { ...content, orderId };
      return { path: "/orders", method: "POST", body, key: sent.byKey ? orderId : null };
    }
    case "cancel": {
      const named = names.named(sent);
      const path = `/orders/${orderId}/cancel`;
      return named === null
        ? { path, method: "POST", key: null }
        : { path, method: "POST", body: { productId: named }, key: null };
    }
    case "restock":
      return {
        path: `/products/${productId}/restock`,
        method: "POST",
        body: { quantity: sent.quantity },
        key: sent.key,
      };
    case "count": {
      const { quantity, asOfVersion, key: given } = sent;
      return { path: `/products/${productId}/stock`, method: "PUT", body: { quantity, asOfVersion }, key: given };
    }
    case "read":
      return { path: `/products/${productId}`, method: "GET", key: null };
  }
}
