import type { DeliveryLocation } from "../schemas/commands.ts";
import type { OrderDocument } from "../schemas/order-document.ts";

/** What the caller of an order says by himself (P1): times and prices are not his, and never compared. */
export type OwnFields = Pick<OrderDocument, "productId" | "quantity" | "customerId" | "basketId" | "deliveryLocation">;

export function sameContent(one: OwnFields, other: OwnFields): boolean {
  return (
    one.productId === other.productId &&
    one.quantity === other.quantity &&
    one.customerId === other.customerId &&
    one.basketId === other.basketId &&
    sameLocation(one.deliveryLocation, other.deliveryLocation)
  );
}

function sameLocation(one: DeliveryLocation | null, other: DeliveryLocation | null): boolean {
  if (one === null || other === null) return one === other;
  return one.latitude === other.latitude && one.longitude === other.longitude && one.address === other.address;
}

/** The place that a cancel took for an order which had not come yet (P12): its content is still unknown. */
export function isPlaceholder(order: OrderDocument): boolean {
  return order.status === "cancelled" && order.unitPriceCents === null;
}
