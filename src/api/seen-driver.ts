/**
 * What a customer sees of who brings an order: from pick-up to delivery, and nothing before or after. Whoever shows a driver to customers
 * asks here.
 */
import type { OrderDocument, SeenDriver } from "../schemas/order-document.ts";
import type { KnownPosition } from "../stores/driver-positions.ts";
import { metersBetween } from "../stores/great-circle.ts";
import type { Tracking } from "../stores/tracking-store.ts";
import { positionView } from "./position-view.ts";
import type { DriverOnTheWay } from "./schemas/drivers.ts";

/** Null: there is no driver to see. */
export const seenDriver = ({ fulfilment, driver }: Pick<Tracking, "fulfilment" | "driver">): SeenDriver | null =>
  fulfilment === "out_for_delivery" ? driver : null;

/** The order as it is on its way. Of an order that is not packed, nothing is known that its line doesn't say. */
export function trackedOrder(order: OrderDocument, tracking: Tracking): OrderDocument {
  if (order.fulfilment === null) return order;
  return { ...order, fulfilment: tracking.fulfilment ?? order.fulfilment, driver: seenDriver(tracking) };
}

export function driverOnTheWay(
  { orderId, deliveryLocation }: Pick<OrderDocument, "orderId" | "deliveryLocation">,
  driver: SeenDriver,
  known: KnownPosition | null,
): DriverOnTheWay {
  const isMeasurable = known !== null && deliveryLocation !== null;
  return {
    orderId,
    driver: { driverId: driver.driverId, name: driver.name },
    position: known === null ? null : positionView(known),
    distanceMetres: isMeasurable ? Math.round(metersBetween(known, deliveryLocation)) : null,
  };
}
