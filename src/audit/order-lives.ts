/**
 * Orders and the cancels and packings that name them (A10): one order after another, the order first, then what was accepted, then
 * what was refused; so that no more than three lines of it are held.
 */
import { limits } from "../limits.ts";
import type { AuditSnapshot, LifeRow } from "../stores/audit-store.ts";
import type { Findings } from "./findings.ts";
import { Rows } from "./rows.ts";
import { shown } from "./record-content.ts";

export type LivesDeps = { readonly snapshot: Pick<AuditSnapshot, "linesByOrder">; readonly findings: Findings };

export async function auditLives({ snapshot, findings }: LivesDeps): Promise<void> {
  const rows = new Rows(snapshot.linesByOrder());
  for (let row = await rows.peek(); row !== undefined; row = await rows.peek()) {
    const { life } = row;
    const order = new OrderLife(findings);
    for await (const each of rows.takeWhile((other) => other.life === life)) order.add(each);
    order.end();
  }
}

/** One order's life, or that of whatever line a cancel or packing names. */
export class OrderLife {
  readonly #findings: Findings;
  #order: LifeRow | undefined;
  #cancel: LifeRow | undefined;
  #pack: LifeRow | undefined;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  add(row: LifeRow): void {
    if (row.role === "order") {
      this.#order = row;
      return;
    }
    const fault =
      row.reason !== null
        ? this.#refused(row, row.reason)
        : row.role === "pack"
          ? this.#packed(row)
          : this.#accepted(row);
    if (fault !== undefined) this.#say(row, fault);
    if (row.reason !== null) return;
    if (row.role === "pack") this.#pack ??= row;
    else this.#cancel ??= row;
  }

  end(): void {
    const order = this.#order;
    if (order?.type !== "PlaceOrder") return;
    if (order.status === "cancelled" && this.#cancel === undefined) {
      this.#say(order, "the order is cancelled, and no cancel was accepted");
    }
    const fulfilment = this.#pack === undefined ? null : "packed";
    if (order.fulfilment !== fulfilment) {
      const count = fulfilment === null ? "no" : "a";
      this.#say(order, `it is ${shown(order.fulfilment)}, and ${count} packing was accepted`);
    }
    if (this.#pack !== undefined && this.#cancel !== undefined) {
      this.#say(order, `it was packed by ${this.#pack.commandId} and cancelled by ${this.#cancel.commandId}`);
    }
  }

  #accepted(row: LifeRow): string | undefined {
    const order = this.#order;
    if (row.life === null) return "it names no order";
    if (this.#cancel !== undefined) return `the order was cancelled by ${this.#cancel.commandId} already`;
    if (order === undefined) return "it is accepted, and there is no such order";
    if (order.type !== "PlaceOrder") return `it is accepted, and names a ${order.type}`;
    if (order.productId !== row.productId) return `it is accepted, and the order is one of ${order.productId}`;
    if (order.status !== "cancelled") return `it is accepted, and the order is ${order.status}`;
    if (order.reason === "cancelled_before_placed") {
      if (row.delta !== 0) return `the order had not come, and it gave back ${row.delta}`;
      return order.version < row.version ? "the order came before it" : undefined;
    }
    if (row.quantity !== order.quantity || row.delta !== order.quantity) {
      return `it gave back ${row.delta} (${row.quantity} units), and the order took ${order.quantity}`;
    }
    if (row.version <= order.version) return `it is at version ${row.version}, the order at version ${order.version}`;
    return row.stockAfter > limits.stockMax ? `the stock is ${row.stockAfter} after it` : undefined;
  }

  #packed(row: LifeRow): string | undefined {
    const order = this.#order;
    if (this.#pack !== undefined) return `the order was packed by ${this.#pack.commandId} already`;
    if (order?.type !== "PlaceOrder") return "it is accepted, and there is no such order";
    if (order.productId !== row.productId) return `it is accepted, and the order is one of ${order.productId}`;
    if (order.status !== "accepted") return `it is accepted, and the order is ${order.status}`;
    if (row.quantity !== order.quantity) return `it packed ${row.quantity} units, and the order took ${order.quantity}`;
    if (row.delta !== 0) return `it packed the order, and gave back ${row.delta}`;
    return row.version <= order.version
      ? `it is at version ${row.version}, the order at version ${order.version}`
      : undefined;
  }

  #refused(row: LifeRow, reason: string): string | undefined {
    const order = this.#order;
    if (row.role === "pack" && reason === "unknown_order") return this.#unknown(row);
    const expected = this.#reasonFor(row);
    if (reason !== expected) return `it is ${reason}, the rules say ${shown(expected)}`;
    const namesUnits = reason !== "not_an_order" && reason !== "product_mismatch";
    const units = namesUnits ? (order?.quantity ?? 0) : 0;
    // Refused while its order had not come: no units were known.
    const mayBeZero = order?.reason === "cancelled_before_placed";
    if (row.quantity === units || (mayBeZero && row.quantity === 0)) return undefined;
    return `it names ${row.quantity} units, and the order ${units}`;
  }

  /** Refused for want of its order: an order that was accepted by then would have been there. */
  #unknown(row: LifeRow): string | undefined {
    const order = this.#order;
    if (row.quantity !== 0) return `it names ${row.quantity} units of an order that was not there`;
    const wasAccepted = order?.type === "PlaceOrder" && order.delta !== 0 && order.productId === row.productId;
    return wasAccepted && order.version <= row.version ? "it is unknown_order, and the order was there" : undefined;
  }

  /** Why a cancel or packing at this version had to be refused; accepted: it had not. */
  #reasonFor(row: LifeRow): string {
    const order = this.#order;
    if (row.life === row.commandId) return "not_an_order";
    if (order === undefined) return row.role === "pack" ? "unknown_order" : "accepted";
    if (order.type !== "PlaceOrder") return "not_an_order";
    if (order.productId !== row.productId) return "product_mismatch";
    if (order.status === "rejected") return "order_rejected";
    if (this.#cancel !== undefined && row.version >= this.#cancel.version) return "order_already_cancelled";
    if (this.#pack !== undefined && row.version >= this.#pack.version) return "already_packed";
    if (row.role === "pack") return "accepted";
    return row.stockAfter + order.quantity > limits.stockMax ? "stock_limit_exceeded" : "accepted";
  }

  #say({ productId, commandId, partition, offset }: LifeRow, says: string): void {
    this.#findings.add("A10", { productId, commandId, partition, offset }, says);
  }
}
