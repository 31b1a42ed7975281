/** What a producer learns of an order. */
import type { DeliveryLocation } from "../schemas/commands.ts";
import type { OrderDocument, OrderStatus } from "../schemas/order-document.ts";

export type NewOrder = {
  /** A UUID; one is made where there is none. The same id again is the same order. */
  readonly orderId?: string;
  readonly productId: string;
  readonly quantity: number;
  readonly customerId?: string | null;
  readonly basketId?: string | null;
  readonly deliveryLocation?: DeliveryLocation | null;
};

export type OrderResult = {
  readonly orderId: string;
  /**
   * `pending`: safe in the log, and not decided in the time that was waited for. `failed`: refused before it got there, for
   * the reason that `code` is; the same again fails again.
   */
  readonly status: OrderStatus | "failed";
  /** Why it was refused, or failed: a problem code. */
  readonly code: string | null;
  /** For people. */
  readonly detail: string | null;
  /** Units left right after the decision, where it is known. */
  readonly stockAfter: number | null;
};

/** Of an order, of a problem, or of a result of a batch: all of them name these members alike. */
export function resultOf(orderId: string, httpStatus: number, body: unknown): OrderResult {
  const said = (typeof body === "object" && body !== null ? body : {}) as Partial<OrderDocument> & {
    readonly code?: string;
    readonly detail?: string;
    readonly available?: number | null;
    readonly version?: number | null;
  };
  const stockAfter = said.stockAfter ?? said.available ?? null;
  if (httpStatus < 400) {
    const { status = "failed", reason = null } = said;
    return { orderId, status, code: said.code ?? reason, detail: said.detail ?? null, stockAfter };
  }
  // A problem that tells the version is a decision.
  const isDecided = typeof said.version === "number";
  const isCancelled = said.code === "order_cancelled" || said.code === "cancelled_before_placed";
  const status = !isDecided ? "failed" : isCancelled ? "cancelled" : "rejected";
  return { orderId, status, code: said.code ?? null, detail: said.detail ?? null, stockAfter };
}
