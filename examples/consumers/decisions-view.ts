/** A view of orders and stock, kept from the decisions topic. What the fields mean is in avro/Decisions.avsc. */
type Decision = {
  position: number;
  index: number;
  commandId: string;
  type: string;
  status: string;
  orderId: string | null;
  stockAfter: number;
  version: number;
};
type Decisions<D extends Decision> = { productId: string; partition: number; decisions: readonly D[] };

export class DecisionsView {
  /** By order id: accepted, rejected or cancelled. */
  readonly orders = new Map<string, string>();
  readonly stock = new Map<string, { version: number; quantity: number }>();
  /** By product and partition of the orders topic, where the newest decision was made. Belongs to what is stored. */
  readonly seen = new Map<string, { position: number; index: number }>();

  /** Takes a record, and returns what of it had not come before. */
  take<D extends Decision>({ productId, partition, decisions }: Decisions<D>): D[] {
    const source = `${productId} ${partition}`;
    return decisions.filter((decision) => {
      const { position, index } = decision;
      const seen = this.seen.get(source) ?? { position: -1, index: 0 };
      const isRepeat = position < seen.position || (position === seen.position && index <= seen.index);
      if (isRepeat) return false;
      this.seen.set(source, { position, index });
      this.#apply(productId, decision);
      return true;
    });
  }

  #apply(productId: string, { type, status, commandId, orderId, version, stockAfter }: Decision): void {
    const known = this.stock.get(productId)?.version ?? 0;
    if (version > known) this.stock.set(productId, { version, quantity: stockAfter });
    if (type === "PlaceOrder" && this.orders.get(commandId) !== "cancelled") this.orders.set(commandId, status);
    if (type === "CancelOrder" && status === "accepted" && orderId !== null) this.orders.set(orderId, "cancelled");
  }
}
