/** Builders with sensible content, so that a test names only what matters to it. */
import type {
  ArchiveProduct,
  CancelOrder,
  Command,
  CountStock,
  LoggedCommand,
  PackOrder,
  PlaceOrder,
  ReceiveStock,
  RestoreProduct,
  ResumeProduct,
} from "../../src/schemas/commands.ts";
import type { Line } from "../../src/schemas/lines.ts";

export const issuedAt = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

/** The same UUID for the same number. */
export function uuidOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

type Fields<C extends Command> = Partial<Omit<C, "type">>;

export function placeOrder(fields: Fields<PlaceOrder> = {}): PlaceOrder {
  return {
    type: "PlaceOrder",
    commandId: uuidOf(1),
    productId: "p1",
    quantity: 1,
    unitPriceCents: 250,
    currency: "EUR",
    customerId: null,
    basketId: null,
    deliveryLocation: null,
    issuedAt,
    ...fields,
  };
}

export function cancelOrder(fields: Fields<CancelOrder> = {}): CancelOrder {
  return { type: "CancelOrder", commandId: uuidOf(2), productId: "p1", orderId: uuidOf(1), issuedAt, ...fields };
}

export function receiveStock(fields: Fields<ReceiveStock> = {}): ReceiveStock {
  return {
    type: "ReceiveStock",
    commandId: uuidOf(3),
    productId: "p1",
    quantity: 10,
    reference: null,
    issuedAt,
    ...fields,
  };
}

export function countStock(fields: Fields<CountStock> = {}): CountStock {
  return {
    type: "CountStock",
    commandId: uuidOf(4),
    productId: "p1",
    quantity: 10,
    asOfVersion: null,
    reference: null,
    issuedAt,
    ...fields,
  };
}

export function resumeProduct(fields: Fields<ResumeProduct> = {}): ResumeProduct {
  return { type: "ResumeProduct", commandId: uuidOf(5), productId: "p1", commandsMax: 10, issuedAt, ...fields };
}

export function archiveProduct(fields: Fields<ArchiveProduct> = {}): ArchiveProduct {
  return { type: "ArchiveProduct", commandId: uuidOf(6), productId: "p1", actor: null, issuedAt, ...fields };
}

export function restoreProduct(fields: Fields<RestoreProduct> = {}): RestoreProduct {
  return { type: "RestoreProduct", commandId: uuidOf(7), productId: "p1", actor: null, issuedAt, ...fields };
}

export function packOrder(fields: Fields<PackOrder> = {}): PackOrder {
  const ids = { commandId: uuidOf(8), productId: "p1", orderId: uuidOf(1) };
  return { type: "PackOrder", ...ids, actor: null, issuedAt, ...fields };
}

export function logged(command: Command, offset = 0, partition = 0): LoggedCommand {
  return { command, partition, offset };
}

/** An accepted order of one unit, the first sold of eleven, unless the fields say otherwise. */
export function orderLine(fields: Partial<Line> = {}): Line {
  return {
    commandId: uuidOf(1),
    type: "PlaceOrder",
    productId: "p1",
    orderId: null,
    quantity: 1,
    status: "accepted",
    reason: null,
    delta: -1,
    stockAfter: 10,
    version: 2,
    partition: 0,
    offset: 0,
    revision: 1,
    unitPriceCents: 250,
    currency: "EUR",
    customerId: null,
    basketId: null,
    deliveryLocation: null,
    asOfVersion: null,
    reference: null,
    actor: null,
    fulfilment: null,
    issuedAt,
    ...fields,
  };
}

/** A delivery of ten units, a product's first, unless the fields say otherwise. */
export function movementLine(fields: Partial<Line> = {}): Line {
  return orderLine({
    commandId: uuidOf(3),
    type: "ReceiveStock",
    quantity: 10,
    delta: 10,
    version: 1,
    unitPriceCents: null,
    currency: null,
    ...fields,
  });
}

/** What a cancel leaves of an order that has not come yet. */
export function tombstoneLine(fields: Partial<Line> = {}): Line {
  return orderLine({
    quantity: 0,
    status: "cancelled",
    reason: "cancelled_before_placed",
    delta: 0,
    unitPriceCents: null,
    currency: null,
    ...fields,
  });
}
