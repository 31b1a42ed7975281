/**
 * Orders of an async iterable, placed many at a time.
 *
 * Who owns what: a run owns what it has taken from the iterable and not yielded: one batch.
 *
 * I1 One batch is under way, and the next one begins when each of its orders has a result: so the orders of a product are in the log as
 *    they came, but for those that had to be sent again.
 * I2 Results are yielded in the order of the orders, each once. Nobody who takes them slowly makes memory grow.
 * I3 What has to be sent again goes with the same id. An order that is not answered when the tries are over ends the run.
 */
import type { Caller } from "./calls.ts";
import { TallymanUnreachable } from "./calls.ts";
import { resultOf } from "./results.ts";
import type { NewOrder, OrderResult } from "./results.ts";

export type PlaceManyOptions = {
  /** Seconds to wait for decisions; 0: what is in the log is `pending`. */
  readonly waitSeconds?: number;
  /** Orders in a request, 10,000 at most. */
  readonly batchSize?: number;
  /** A batch that is not full leaves after so long, in milliseconds. */
  readonly lingerMs?: number;
  readonly signal?: AbortSignal;
};

export type PlaceManyDeps = {
  readonly caller: Caller;
  readonly uuid: () => string;
  readonly sleep: (ms: number) => Promise<void>;
  readonly tries: number;
};

type Identified = NewOrder & { readonly orderId: string };
type Line = { readonly line: number; readonly code?: string; readonly retryAfter?: number; readonly status: string };

export async function* placeMany(
  deps: PlaceManyDeps,
  orders: AsyncIterable<NewOrder> | Iterable<NewOrder>,
  { waitSeconds = 0, batchSize = 1_000, lingerMs = 5, signal }: PlaceManyOptions,
): AsyncGenerator<OrderResult, void> {
  for await (const batch of batches(orders, batchSize, () => deps.sleep(lingerMs))) {
    const identified = batch.map((order) => ({ ...order, orderId: order.orderId ?? deps.uuid() }));
    yield* await placeBatch(deps, identified, waitSeconds, signal);
  }
}

/** Resolves with a result for each; rejects with `TallymanUnreachable` (I3). */
async function placeBatch(
  { caller, tries: triesMax }: PlaceManyDeps,
  orders: readonly Identified[],
  waitSeconds: number,
  signal: AbortSignal | undefined,
): Promise<OrderResult[]> {
  const results = new Map<string, OrderResult>();
  let open = orders;
  for (let tries = 1; ; tries += 1) {
    const call = { method: "POST", path: "/orders/batch", body: open, waitSeconds, signal } as const;
    const { status, body } = await caller.call(call);
    if (status !== 200 || !Array.isArray(body)) {
      // Of the request as a whole, such as a body that is too large.
      for (const { orderId } of open) results.set(orderId, resultOf(orderId, status, body));
      break;
    }
    let retryAfterMs = 0;
    for (const line of body as readonly Line[]) {
      const order = open[line.line - 1];
      if (order === undefined) continue;
      if (line.status === "failed" && line.retryAfter !== undefined) {
        retryAfterMs = Math.max(retryAfterMs, line.retryAfter * 1_000);
      } else results.set(order.orderId, resultOf(order.orderId, 200, line));
    }
    open = open.filter(({ orderId }) => !results.has(orderId));
    if (open.length === 0) break;
    if (tries >= triesMax)
      throw new TallymanUnreachable(`${open.length} orders of a batch are not taken at try ${tries}`);
    await caller.pause(tries, retryAfterMs, signal);
  }
  return orders.flatMap(({ orderId }) => results.get(orderId) ?? []);
}

/** What comes together, `size` at most; what comes slowly waits for `linger()` at most. */
async function* batches<T>(
  items: AsyncIterable<T> | Iterable<T>,
  size: number,
  linger: () => Promise<void>,
): AsyncGenerator<T[], void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let next: Promise<IteratorResult<T>> | undefined;
  let isOver = false;
  try {
    while (!isOver) {
      const batch: T[] = [];
      let isLate: Promise<"late"> | undefined;
      while (batch.length < size) {
        next ??= Promise.resolve(iterator.next());
        const found = await (isLate === undefined ? next : Promise.race([next, isLate]));
        if (found === "late") break;
        next = undefined;
        isOver = found.done === true;
        if (found.done === true) break;
        batch.push(found.value);
        isLate ??= linger().then(() => "late" as const);
      }
      if (batch.length > 0) yield batch;
    }
  } finally {
    if (!isOver) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
