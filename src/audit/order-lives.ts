/**
 * Orders and the cancels that name them (A10): one order after another, the order first, then the accepted cancel, then the
 * refused ones; so that no more than two lines of it are held.
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

/** One order's life, or that of whatever line a cancel names. */
export class OrderLife {
  readonly #findings: Findings;
  #order: LifeRow | undefined;
  #cancel: LifeRow | undefined;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  add(row: LifeRow): void {
    if (row.role === "order") {
      this.#order = row;
      return;
    }
    const fault = row.reason === null ? this.#accepted(row) : this.#refused(row, row.reason);
    if (fault !== undefined) this.#say(row, fault);
    if (row.reason === null) this.#cancel ??= row;
  }

  end(): void {
    const order = this.#order;
    if (order?.type !== "PlaceOrder") return;
    if (order.status === "cancelled" && this.#cancel === undefined) {
      this.#say(order, "the order is cancelled, and no cancel was accepted");
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

  #refused(row: LifeRow, reason: string): string | undefined {
    const order = this.#order;
    const expected = this.#reasonFor(row);
    if (reason !== expected) return `it is ${reason}, the rules say ${shown(expected)}`;
    const namesUnits = reason !== "not_an_order" && reason !== "product_mismatch";
    const units = namesUnits ? (order?.quantity ?? 0) : 0;
    // Refused while its order had not come: no units were known.
    const mayBeZero = order?.reason === "cancelled_before_placed";
    if (row.quantity === units || (mayBeZero && row.quantity === 0)) return undefined;
    return `it names ${row.quantity} units, and the order ${units}`;
  }

  /** Why a cancel at this version had to be refused; accepted: it had not. */
  #reasonFor(row: LifeRow): string {
    const order = this.#order;
    if (row.life === row.commandId) return "not_an_order";
    if (order === undefined) return "accepted";
    if (order.type !== "PlaceOrder") return "not_an_order";
    if (order.productId !== row.productId) return "product_mismatch";
    if (order.status === "rejected") return "order_rejected";
    if (this.#cancel !== undefined && row.version >= this.#cancel.version) return "order_already_cancelled";
    return row.stockAfter + order.quantity > limits.stockMax ? "stock_limit_exceeded" : "accepted";
  }

  #say({ productId, commandId, partition, offset }: LifeRow, says: string): void {
    this.#findings.add("A10", { productId, commandId, partition, offset }, says);
  }
}
