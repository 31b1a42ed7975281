/**
 * The commands that travel on the log. A command says what is wanted, never a computed quantity. Every command has a
 * `commandId`, a UUID that is unique for ever (P1): seen before, the stored decision is the answer and nothing changes.
 */

/** Where an order goes. Degrees (WGS 84). */
export type DeliveryLocation = {
  readonly latitude: number;
  readonly longitude: number;
  readonly address: string | null;
};

/** Sells `quantity` units, if the stock allows it. Its `commandId` is the order's id. */
export type PlaceOrder = {
  readonly type: "PlaceOrder";
  readonly commandId: string;
  readonly productId: string;
  readonly quantity: number;
  readonly unitPriceCents: number;
  readonly currency: string;
  readonly customerId: string | null;
  readonly basketId: string | null;
  readonly deliveryLocation: DeliveryLocation | null;
  /** Milliseconds since 1970, by the sender's clock. Told to readers, never used to decide. */
  readonly issuedAt: number;
};

/** Gives back what an accepted order took (P12). `productId` must be the order's own. */
export type CancelOrder = {
  readonly type: "CancelOrder";
  readonly commandId: string;
  readonly productId: string;
  readonly orderId: string;
  readonly issuedAt: number;
};

/** A delivery: plus `quantity`. The first one of a product may be of zero units; it makes the product known. */
export type ReceiveStock = {
  readonly type: "ReceiveStock";
  readonly commandId: string;
  readonly productId: string;
  readonly quantity: number;
  readonly reference: string | null;
  readonly issuedAt: number;
};

/** A stocktake: `quantity` units were counted, either now (null) or when the stock had `asOfVersion` (P12). */
export type CountStock = {
  readonly type: "CountStock";
  readonly commandId: string;
  readonly productId: string;
  readonly quantity: number;
  readonly asOfVersion: number | null;
  readonly reference: string | null;
  readonly issuedAt: number;
};

/**
 * Decides the commands that wait for a parked product, in the order in which they came, `commandsMax` at most (P13). While
 * more wait the product stays parked. Sent by operators.
 */
export type ResumeProduct = {
  readonly type: "ResumeProduct";
  readonly commandId: string;
  readonly productId: string;
  readonly commandsMax: number;
  readonly issuedAt: number;
};

/** From its place in the log on, orders of the product are refused; deliveries, stocktakes and cancels go on. */
export type ArchiveProduct = {
  readonly type: "ArchiveProduct";
  readonly commandId: string;
  readonly productId: string;
  /** Who asked for it, in the sender's words. Told to readers, never used to decide. */
  readonly actor: string | null;
  readonly issuedAt: number;
};

/** Ends what an ArchiveProduct began: from its place in the log on, the product is sold again. */
export type RestoreProduct = {
  readonly type: "RestoreProduct";
  readonly commandId: string;
  readonly productId: string;
  readonly actor: string | null;
  readonly issuedAt: number;
};

/** Says that an order is packed, so that it can't be cancelled any more. Takes no stock. `productId` must be the order's own. */
export type PackOrder = {
  readonly type: "PackOrder";
  readonly commandId: string;
  readonly productId: string;
  readonly orderId: string;
  readonly actor: string | null;
  readonly issuedAt: number;
};

export type Command =
  PlaceOrder | CancelOrder | ReceiveStock | CountStock | ResumeProduct | ArchiveProduct | RestoreProduct | PackOrder;
export type CommandType = Command["type"];

/** A command and its place in the log. */
export type LoggedCommand = {
  readonly command: Command;
  readonly partition: number;
  readonly offset: number;
};
