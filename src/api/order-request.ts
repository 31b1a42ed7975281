/** What a caller asks for when an order is placed, alone or among many. */
import type { PlaceOrder } from "../schemas/commands.ts";
import { decidedOrder } from "../schemas/order-document.ts";
import type { OrderDocument } from "../schemas/order-document.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import type { Product } from "../stores/catalogue-store.ts";
import { decidedAs, isOwn } from "./order-answers.ts";
import type { OrderFinder } from "./order-finder.ts";
import { Problem } from "./problems.ts";
import { isPlaceholder, sameContent } from "./same-content.ts";
import type { OwnFields } from "./same-content.ts";
import type { PlaceOrderBody } from "./schemas/orders.ts";
import type { Waiter } from "./waiters.ts";

export type ReusedCode = "order_id_reused" | "idempotency_key_reused";

export function ownFields({ productId, quantity, customerId, basketId, deliveryLocation }: PlaceOrderBody): OwnFields {
  return {
    productId,
    quantity,
    customerId: customerId ?? null,
    basketId: basketId ?? null,
    deliveryLocation: deliveryLocation ? { ...deliveryLocation, address: deliveryLocation.address ?? null } : null,
  };
}

/** `issuedAt` in milliseconds since 1970. */
export function placeOrder(orderId: string, body: PlaceOrderBody, product: Product, issuedAt: number): PlaceOrder {
  const { priceCents: unitPriceCents, currency } = product;
  return { type: "PlaceOrder", commandId: orderId, ...ownFields(body), unitPriceCents, currency, issuedAt };
}

export function unknownProduct(productId: string): Problem {
  return new Problem("unknown_product", `There is no product ${productId}.`, { members: { productId } });
}

export function reusedProblem(code: ReusedCode, orderId: string): Problem {
  return new Problem(code, `${orderId} has other content than this request.`, { members: { orderId } });
}

/**
 * The order as it is decided, or `pending` itself when it is not in `waitMs`. Rejects with a `Problem`, `reused`, when the id
 * is that of another order.
 */
export async function untilDecided(
  pending: OrderDocument,
  waiter: Waiter,
  waitMs: number,
  reused: ReusedCode,
  finder: Pick<OrderFinder, "line">,
): Promise<OrderDocument> {
  for (;;) {
    const told = await waiter.until(waitMs);
    if (told !== null && isOwn(told, pending)) return decidedAs(pending, told);
    // No answer, or one about another record with this id (a repeated append, or somebody else's order): PostgreSQL knows.
    const line = await finder.line(pending.orderId).catch(unlessAway);
    const stored = line?.type === "PlaceOrder" ? decidedOrder(line, line.decidedAt) : null;
    if (line !== null && stored === null) throw reusedProblem(reused, pending.orderId);
    if (stored !== null && !isPlaceholder(stored)) {
      if (!sameContent(stored, pending)) throw reusedProblem(reused, pending.orderId);
      return stored;
    }
    // A cancel that named another product has taken the id for good (P12).
    if (stored !== null && stored.productId !== pending.productId) return stored;
    // Its cancel came first and is all that is decided: what the order itself will be refused with is told soon.
    if (told === null) return pending;
  }
}

function unlessAway(error: unknown): null {
  if (error instanceof StoreUnavailable) return null;
  throw error;
}
