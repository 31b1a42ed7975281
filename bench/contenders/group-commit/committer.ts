/**
 * Orders from many callers, committed together: while one transaction is under way, the next group gathers.
 *
 * Who owns what: the committer owns the queue, and the quantities in memory, which are those of the last commit.
 *
 * I1 One transaction is under way, and it decides on quantities that it checks itself: another writer makes it fail, not wrong.
 * I2 An order is answered when its group is committed, or when it is found to be known.
 * I3 A transaction that fails has stored nothing: quantities and known orders are read again, and the group is decided again.
 */
import { LRUCache } from "lru-cache";
import { DatabaseError, type Pool } from "pg";
import { int4Array, textArray, timestampArray, uuidArray } from "../../../src/stores/postgres/binary-arrays.ts";
import type { Decided } from "../order-http.ts";
import { type DecidedGroup, type WantedOrder, decideGroup } from "./decide.ts";
import { known, placeOrdersSql, readOrdersSql, readQuantitiesSql, stale } from "./place-orders.ts";

/** Orders of a transaction, and orders and products that are remembered. */
const groupMax = 5_000;
const rememberedOrders = 200_000;
const rememberedProducts = 200_000;
const triesMax = 5;

/** The order as it was decided, and whether that was before this request; null: there is no such product. */
export type Answer = { readonly decided: Decided; readonly isKnown: boolean } | null;
export type Committer = {
  /** Resolves when each of these is decided and stored, in their order. */
  place(orders: readonly WantedOrder[]): Promise<readonly Answer[]>;
};

type Ticket = {
  readonly answers: Answer[];
  /** Orders without an answer. */
  left: number;
  readonly resolve: (answers: readonly Answer[]) => void;
  readonly reject: (error: unknown) => void;
};
type Item = { readonly order: WantedOrder; readonly ticket: Ticket; readonly index: number };
type OrderRow = {
  order_id: string;
  product_id: string;
  quantity: number;
  status: Decided["status"];
  stock_after: number;
};

export function createCommitter(pool: Pool): Committer {
  let queue: Item[] = [];
  let isCommitting = false;
  const quantities = new LRUCache<string, number>({ max: rememberedProducts });
  const recent = new LRUCache<string, Decided>({ max: rememberedOrders });

  const readQuantities = async (orders: readonly WantedOrder[]): Promise<Map<string, number>> => {
    const found = new Map<string, number>();
    const missing = new Set<string>();
    for (const { productId } of orders) {
      const quantity = quantities.get(productId);
      if (quantity === undefined) missing.add(productId);
      else found.set(productId, quantity);
    }
    if (missing.size === 0) return found;
    const { rows } = await pool.query<{ product_id: string; quantity: number }>({
      ...readQuantitiesSql,
      values: [[...missing]],
    });
    for (const { product_id: id, quantity } of rows) found.set(id, quantity);
    return found;
  };
  const readKnown = async (orders: readonly WantedOrder[]): Promise<void> => {
    const ids = orders.map(({ orderId }) => orderId);
    const { rows } = await pool.query<OrderRow>({ ...readOrdersSql, values: [uuidArray(ids)] });
    for (const { order_id: orderId, product_id: productId, quantity, status, stock_after: stockAfter } of rows)
      recent.set(orderId, { orderId, productId, quantity, status, stockAfter });
  };
  const store = async ({ inserted, left }: DecidedGroup, before: ReadonlyMap<string, number>): Promise<void> => {
    const products = [...left.keys()];
    const orders = inserted.map(({ order }) => order);
    await pool.query({
      ...placeOrdersSql,
      values: [
        textArray(products),
        int4Array(products.map((id) => before.get(id) ?? 0)),
        int4Array([...left.values()]),
        uuidArray(orders.map(({ orderId }) => orderId)),
        textArray(orders.map(({ productId }) => productId)),
        int4Array(orders.map(({ quantity }) => quantity)),
        textArray(inserted.map(({ decided }) => decided.status)),
        int4Array(inserted.map(({ decided }) => decided.stockAfter)),
        textArray(orders.map(({ customerId }) => customerId)),
        timestampArray(orders.map(({ placedAt }) => placedAt)),
      ],
    });
    for (const [id, quantity] of left) quantities.set(id, quantity);
    for (const { decided } of inserted) recent.set(decided.orderId, decided);
  };
  const commit = async (items: readonly Item[]): Promise<void> => {
    const orders = items.map(({ order }) => order);
    for (let tries = 1; ; tries += 1) {
      const before = await readQuantities(orders);
      const stored = new Map<string, Decided>();
      for (const { orderId } of orders) {
        const decided = recent.get(orderId);
        if (decided !== undefined) stored.set(orderId, decided);
      }
      const group = decideGroup(orders, before, stored);
      try {
        if (group.inserted.length > 0) await store(group, before);
      } catch (error) {
        if (!(error instanceof DatabaseError) || tries === triesMax) throw error;
        if (error.code === stale) quantities.clear();
        else if (error.code === known) await readKnown(orders);
        else throw error;
        continue; // I3
      }
      for (const [at, { ticket, index, order }] of items.entries()) {
        const decided = group.answers[at];
        ticket.answers[index] = decided ? { decided, isKnown: stored.has(order.orderId) } : null;
        ticket.left -= 1;
      }
      return;
    }
  };
  const run = async (): Promise<void> => {
    isCommitting = true;
    while (queue.length > 0) {
      const items = queue.length > groupMax ? queue.slice(0, groupMax) : queue;
      queue = queue.length > groupMax ? queue.slice(groupMax) : [];
      const tickets = new Set(items.map(({ ticket }) => ticket));
      try {
        await commit(items);
        for (const ticket of tickets) if (ticket.left === 0) ticket.resolve(ticket.answers);
      } catch (error) {
        for (const ticket of tickets) ticket.reject(error);
      }
    }
    isCommitting = false;
  };
  return {
    place: (orders) =>
      new Promise((resolve, reject) => {
        const ticket: Ticket = { answers: [], left: orders.length, resolve, reject };
        for (const [index, order] of orders.entries()) queue.push({ order, ticket, index });
        if (orders.length === 0) resolve([]);
        else if (!isCommitting) void Promise.resolve().then(() => (isCommitting ? undefined : run()));
      }),
  };
}
