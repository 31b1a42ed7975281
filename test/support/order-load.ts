/**
 * A load of orders at a modest rate, as patient producers make it: an order that was not acknowledged is sent again with the
 * same id, until it is. What each was answered is kept, for the judge (books.ts).
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

export type PlacedOrder = {
  readonly orderId: string;
  readonly productId: string;
  readonly quantity: number;
  /** Status of each answer, in order; 0: none came. */
  readonly answers: number[];
  /** The last word: 202, 201 or 409. Undefined: none yet. */
  acknowledged: number | undefined;
};

export type OrderLoad = {
  readonly orders: readonly PlacedOrder[];
  /** Codes of problems, and how often each was the answer. */
  readonly problems: ReadonlyMap<string, number>;
  /** What was answered that no producer should get: neither a decision nor a 503 that may be repeated. */
  readonly surprises: readonly string[];
  /** Orders acknowledged so far. */
  acknowledged(): number;
  /** Places no new orders, and resolves when each one that was placed is acknowledged. Rejects when that takes too long. */
  finish(limitMs: number): Promise<void>;
  /** Ends at once, whatever is unanswered. */
  abort(): void;
};

export type OrderLoadOptions = {
  readonly url: string;
  readonly productIds: readonly string[];
  readonly clients: number;
  /** Over all clients; fewer when answers are slow. */
  readonly ordersPerSecond: number;
};

/** So many of the clients wait for each decision; the others need not, so that those who wait hold up nobody else. */
const waitingClients = 2;
const answerLimitMs = 20_000;

export function startOrderLoad({ url, productIds, clients, ordersPerSecond }: OrderLoadOptions): OrderLoad {
  const orders: PlacedOrder[] = [];
  const problems = new Map<string, number>();
  const surprises: string[] = [];
  const aborted = new AbortController();
  let acknowledged = 0;
  let isLast = false;
  let count = 0;

  /** Whether it was acknowledged. */
  const send = async (order: PlacedOrder, prefer: Record<string, string>): Promise<boolean> => {
    const { orderId, productId, quantity } = order;
    const response = await fetch(`${url}/orders`, {
      method: "POST",
      headers: { "content-type": "application/json", ...prefer },
      body: JSON.stringify({ orderId, productId, quantity }),
      signal: AbortSignal.any([aborted.signal, AbortSignal.timeout(answerLimitMs)]),
    });
    const body = (await response.json()) as { code?: string; orderId?: string };
    order.answers.push(response.status);
    if (body.code !== undefined) problems.set(body.code, (problems.get(body.code) ?? 0) + 1);
    if ([201, 202, 409].includes(response.status)) {
      order.acknowledged = response.status;
      acknowledged += 1;
      return true;
    }
    const mayRepeat = response.status === 503 && response.headers.get("retry-after") !== null;
    if (!mayRepeat) surprises.push(`${orderId}: ${response.status} ${JSON.stringify(body)}`);
    if (body.code === "log_unavailable" && body.orderId !== orderId) surprises.push(`${orderId}: a 503 without its id`);
    return false;
  };

  const place = async (prefer: Record<string, string>): Promise<void> => {
    const index = count++;
    const order: PlacedOrder = {
      orderId: randomUUID(),
      productId: productIds[index % productIds.length] ?? "",
      quantity: 1 + (index % 3),
      answers: [],
      acknowledged: undefined,
    };
    orders.push(order);
    while (!aborted.signal.aborted) {
      try {
        if (await send(order, prefer)) return;
      } catch (error) {
        order.answers.push(0);
        surprises.push(`${order.orderId}: no answer: ${String(error)}`);
      }
      // Sooner than Retry-After asks for: what it costs to refuse is part of the trial.
      await sleep(200);
    }
  };

  const pauseMs = (1_000 * clients) / ordersPerSecond;
  const client = async (_: unknown, index: number): Promise<void> => {
    const prefer: Record<string, string> = index < waitingClients ? { prefer: "wait=5" } : {};
    let dueAt = performance.now() + Math.random() * pauseMs;
    while (!isLast && !aborted.signal.aborted) {
      await sleep(Math.max(0, dueAt - performance.now()));
      dueAt = Math.max(dueAt + pauseMs, performance.now());
      await place(prefer);
    }
  };
  const all = Promise.all(Array.from({ length: clients }, client));

  return {
    orders,
    problems,
    surprises,
    acknowledged: () => acknowledged,
    finish: async (limitMs) => {
      isLast = true;
      const late = sleep(limitMs, "late", { signal: aborted.signal }).catch(() => "aborted");
      if ((await Promise.race([all, late])) !== "late") return;
      const waiting = orders.filter((order) => order.acknowledged === undefined).length;
      throw new Error(`${waiting} orders are not acknowledged ${limitMs} ms after the load should have ended`);
    },
    abort: () => aborted.abort(),
  };
}
