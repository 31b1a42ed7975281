/**
 * An order as everybody outside reads it: over HTTP, and in Redis under `order:{id}` (without braces). `revision` comes
 * first in the JSON, so that a script in Redis can compare it without parsing the rest (P16).
 */
import type { DeliveryLocation, PlaceOrder } from "./commands.ts";
import type { Line, LineStatus, RefusalReason } from "./lines.ts";

export type OrderStatus = "pending" | LineStatus;
/** How far an order is on its way. Packing is decided in the log, by which it can't be cancelled any more; the later steps are not. */
export type FulfilmentStep = "packed" | "out_for_delivery" | "delivered";

/** Who brings an order, as its customer sees it. */
export type SeenDriver = { readonly driverId: string; readonly name: string };

export type OrderDocument = {
  /** 0 while pending, 1 when decided, more when it was cancelled or packed. */
  readonly revision: number;
  readonly orderId: string;
  readonly productId: string;
  readonly quantity: number;
  readonly unitPriceCents: number | null;
  readonly currency: string | null;
  readonly customerId: string | null;
  readonly basketId: string | null;
  readonly deliveryLocation: DeliveryLocation | null;
  readonly status: OrderStatus;
  readonly reason: RefusalReason | null;
  /** Null: not packed. In Redis it is packed at most: the later steps are PostgreSQL's. */
  readonly fulfilment: FulfilmentStep | null;
  /** Null: it is not out for delivery, or by nobody who is known. In Redis always null: PostgreSQL's too. */
  readonly driver: SeenDriver | null;
  readonly stockAfter: number | null;
  readonly version: number | null;
  readonly partition: number;
  /** Null while the log has not told it: of a pending order read from Redis. */
  readonly offset: number | null;
  /** ISO 8601, UTC. */
  readonly placedAt: string;
  readonly decidedAt: string | null;
};

/** `line` must be a PlaceOrder's; `decidedAt` is in milliseconds since 1970. */
export function decidedOrder(line: Line, decidedAt: number): OrderDocument {
  return {
    revision: line.revision,
    orderId: line.commandId,
    productId: line.productId,
    quantity: line.quantity,
    unitPriceCents: line.unitPriceCents,
    currency: line.currency,
    customerId: line.customerId,
    basketId: line.basketId,
    deliveryLocation: line.deliveryLocation,
    status: line.status,
    reason: line.reason,
    fulfilment: line.fulfilment,
    driver: null,
    stockAfter: line.stockAfter,
    version: line.version,
    partition: line.partition,
    offset: line.offset,
    placedAt: new Date(line.issuedAt).toISOString(),
    decidedAt: new Date(decidedAt).toISOString(),
  };
}

/** What is told of an order that nobody has decided yet (P17). */
export function pendingOrder(command: PlaceOrder, partition: number, offset: number | null): OrderDocument {
  return {
    revision: 0,
    orderId: command.commandId,
    productId: command.productId,
    quantity: command.quantity,
    unitPriceCents: command.unitPriceCents,
    currency: command.currency,
    customerId: command.customerId,
    basketId: command.basketId,
    deliveryLocation: command.deliveryLocation,
    status: "pending",
    reason: null,
    fulfilment: null,
    driver: null,
    stockAfter: null,
    version: null,
    partition,
    offset,
    placedAt: new Date(command.issuedAt).toISOString(),
    decidedAt: null,
  };
}
