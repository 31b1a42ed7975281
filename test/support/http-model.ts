/**
 * The rules of stock once more, as small as can be, from docs/http.md and P12 and from nothing in src/processors: what
 * `http-judge.ts` holds the answers against. One product, one command after another.
 */

export type Outcome = {
  readonly status: "accepted" | "rejected" | "cancelled";
  readonly reason: string | null;
  readonly delta: number;
  readonly stockAfter: number;
  readonly version: number;
};

/** What has become of an order so far. */
type OrderState = "cancelled before" | "accepted" | "rejected" | "cancelled" | "packed";

export class ProductModel {
  /** Units after each version; the version is the index. */
  readonly units: number[] = [0];
  isArchived = false;
  readonly #orders = new Map<string, { state: OrderState; quantity: number }>();

  get quantity(): number {
    return this.units.at(-1) ?? 0;
  }

  get version(): number {
    return this.units.length - 1;
  }

  receive(quantity: number): Outcome {
    return this.#move(quantity);
  }

  place(orderId: string, quantity: number): Outcome {
    if (this.#orders.get(orderId)?.state === "cancelled before") {
      return { ...this.#still("cancelled_before_placed"), status: "cancelled" };
    }
    const reason = this.#whyNot(quantity);
    this.#orders.set(orderId, { state: reason === null ? "accepted" : "rejected", quantity });
    return reason === null ? this.#move(-quantity) : this.#still(reason);
  }

  cancel(orderId: string): Outcome {
    const order = this.#orders.get(orderId);
    if (order === undefined) {
      this.#orders.set(orderId, { state: "cancelled before", quantity: 0 });
      return this.#still(null);
    }
    if (order.state === "rejected") return this.#still("order_rejected");
    if (order.state === "packed") return this.#still("already_packed");
    if (order.state !== "accepted") return this.#still("order_already_cancelled");
    order.state = "cancelled";
    return this.#move(order.quantity);
  }

  pack(orderId: string): Outcome {
    const order = this.#orders.get(orderId);
    if (order === undefined) return this.#still("unknown_order");
    if (order.state === "rejected") return this.#still("order_rejected");
    if (order.state === "packed") return this.#still("already_packed");
    if (order.state !== "accepted") return this.#still("order_already_cancelled");
    order.state = "packed";
    return this.#move(0);
  }

  isPacked(orderId: string): boolean {
    return this.#orders.get(orderId)?.state === "packed";
  }

  archive(): Outcome {
    if (this.version === 0) return this.#still("unknown_product");
    if (this.isArchived) return this.#still("already_archived");
    this.isArchived = true;
    return this.#move(0);
  }

  restore(): Outcome {
    if (this.version === 0) return this.#still("unknown_product");
    if (!this.isArchived) return this.#still("not_archived");
    this.isArchived = false;
    return this.#move(0);
  }

  count(quantity: number, asOfVersion: number | null): Outcome {
    if (asOfVersion === null) return this.#move(quantity - this.quantity);
    const then = asOfVersion >= 1 ? this.units[asOfVersion] : undefined;
    if (then === undefined) return this.#still("unknown_version");
    const correction = quantity - then;
    return this.quantity + correction < 0 ? this.#still("count_conflict") : this.#move(correction);
  }

  #whyNot(quantity: number): string | null {
    if (this.version === 0) return "unknown_product";
    if (this.isArchived) return "product_archived";
    return this.quantity < quantity ? "insufficient_stock" : null;
  }

  #move(delta: number): Outcome {
    this.units.push(this.quantity + delta);
    return { status: "accepted", reason: null, delta, stockAfter: this.quantity, version: this.version };
  }

  #still(reason: string | null): Outcome {
    const status = reason === null ? "accepted" : "rejected";
    return { status, reason, delta: 0, stockAfter: this.quantity, version: this.version };
  }
}
