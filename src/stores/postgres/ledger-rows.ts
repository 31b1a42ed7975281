import type { CommandType, DeliveryLocation } from "../../schemas/commands.ts";
import type { Line, LineStatus, RefusalReason, StoredLine } from "../../schemas/lines.ts";

/** A row of `ledger` as the client library gives it: int8 as number (see pool.ts), jsonb parsed, times as Date. */
export type LedgerRow = {
  command_id: string;
  type: CommandType;
  product_id: string;
  order_id: string | null;
  quantity: number;
  status: LineStatus;
  reason: RefusalReason | null;
  delta: number;
  stock_after: number;
  version: number;
  partition: number;
  offset: number;
  revision: number;
  unit_price_cents: number | null;
  currency: string | null;
  customer_id: string | null;
  basket_id: string | null;
  delivery_location: DeliveryLocation | null;
  as_of_version: number | null;
  reference: string | null;
  actor: string | null;
  fulfilment: Line["fulfilment"];
  issued_at: Date;
  decided_at: Date;
};

export function storedLine(row: LedgerRow): StoredLine {
  return {
    commandId: row.command_id,
    type: row.type,
    productId: row.product_id,
    orderId: row.order_id,
    quantity: row.quantity,
    status: row.status,
    reason: row.reason,
    delta: row.delta,
    stockAfter: row.stock_after,
    version: row.version,
    partition: row.partition,
    offset: row.offset,
    revision: row.revision,
    unitPriceCents: row.unit_price_cents,
    currency: row.currency,
    customerId: row.customer_id,
    basketId: row.basket_id,
    deliveryLocation: row.delivery_location,
    asOfVersion: row.as_of_version,
    reference: row.reference,
    actor: row.actor,
    fulfilment: row.fulfilment,
    issuedAt: row.issued_at.getTime(),
    decidedAt: row.decided_at.getTime(),
  };
}
