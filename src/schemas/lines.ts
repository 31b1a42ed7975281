/**
 * Lines: what is stored of a decided command, one row for each command (P2). A PlaceOrder's line is its order; the
 * lines of all other commands are stock movements.
 */
import type { CommandType, DeliveryLocation } from "./commands.ts";

/** Why a command was refused. Stable: told to callers as problem `code`s and stored with the line. */
export type RefusalReason =
  | "quantity_out_of_range"
  | "unknown_product"
  | "product_archived"
  | "insufficient_stock"
  | "cancelled_before_placed"
  | "product_mismatch"
  | "order_rejected"
  | "order_already_cancelled"
  | "not_an_order"
  | "stock_limit_exceeded"
  | "unknown_version"
  | "count_conflict"
  | "not_parked"
  | "still_refused"
  | "already_archived"
  | "not_archived"
  | "unknown_order"
  | "already_packed";

/** `cancelled` is for orders only; a movement is accepted or rejected. */
export type LineStatus = "accepted" | "rejected" | "cancelled";

export type Line = {
  readonly commandId: string;
  readonly type: CommandType;
  readonly productId: string;
  /** The order that a CancelOrder or PackOrder names; null for every other command. */
  readonly orderId: string | null;
  /** Units wanted, received or counted; of a cancel, units given back; of a PackOrder, units packed; of a ResumeProduct, commands that it decided. */
  readonly quantity: number;
  readonly status: LineStatus;
  readonly reason: RefusalReason | null;
  /** Units that this command itself added to the stock (negative: took). Stays when the order is cancelled later. */
  readonly delta: number;
  /** Units in stock right after this decision; 0 for a product without stock row. */
  readonly stockAfter: number;
  /** The stock version after this decision. Every accepted command raises it by one, but a ResumeProduct and a cancel that came before its order. */
  readonly version: number;
  readonly partition: number;
  readonly offset: number;
  /** Starts at 1, grows when the line itself changes: an order that is cancelled, or packed. */
  readonly revision: number;
  readonly unitPriceCents: number | null;
  readonly currency: string | null;
  readonly customerId: string | null;
  readonly basketId: string | null;
  readonly deliveryLocation: DeliveryLocation | null;
  readonly asOfVersion: number | null;
  readonly reference: string | null;
  /** Who asked for it, in the sender's words; null where the command does not say. */
  readonly actor: string | null;
  /** Of an order: how far it is on its way, as far as the log decides that. Null: not yet, and of every other command. */
  readonly fulfilment: "packed" | null;
  /** Milliseconds since 1970, from the command. */
  readonly issuedAt: number;
};

/** A line as read back from the store. */
export type StoredLine = Line & {
  /** Milliseconds since 1970, by PostgreSQL's clock, of the commit that wrote the line first. */
  readonly decidedAt: number;
};

/** Units and version of one product's stock. */
export type Stock = {
  readonly quantity: number;
  readonly version: number;
  /** Its orders are refused. It changes with the version and with nothing else; hardly any product has it, so it is there or not. */
  readonly archived?: true;
};
