/** Decides a group of orders against quantities in memory. Pure: what it says holds when the database has taken all of it. */
import type { Decided } from "../order-http.ts";

export type WantedOrder = {
  readonly orderId: string;
  readonly productId: string;
  readonly quantity: number;
  readonly customerId: string | null;
  readonly placedAt: number;
};

export type DecidedGroup = {
  /** What each order gets, in their order; null: there is no such product. */
  readonly answers: readonly (Decided | null)[];
  /** What is new, each order once. */
  readonly inserted: readonly { readonly order: WantedOrder; readonly decided: Decided }[];
  /** What is left of each product of these orders. */
  readonly left: ReadonlyMap<string, number>;
};

/** `quantities` has every product of these orders that there is; `stored` has the orders among them that were decided before. */
export function decideGroup(
  orders: readonly WantedOrder[],
  quantities: ReadonlyMap<string, number>,
  stored: ReadonlyMap<string, Decided>,
): DecidedGroup {
  const left = new Map<string, number>();
  const first = new Map<string, Decided>();
  const inserted: { order: WantedOrder; decided: Decided }[] = [];
  const answers = orders.map((order) => {
    const { orderId, productId, quantity } = order;
    const before = stored.get(orderId) ?? first.get(orderId);
    if (before !== undefined) return before;
    const available = left.get(productId) ?? quantities.get(productId);
    if (available === undefined) return null;
    const isEnough = available >= quantity;
    const stockAfter = isEnough ? available - quantity : available;
    const decided: Decided = { orderId, productId, quantity, status: isEnough ? "accepted" : "rejected", stockAfter };
    left.set(productId, stockAfter);
    first.set(orderId, decided);
    inserted.push({ order, decided });
    return decided;
  });
  return { answers, inserted, left };
}
