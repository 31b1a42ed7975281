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
type OrderState = "cancelled before" | "accepted" | "rejected" | "cancelled";

export class ProductModel {
  /** Units after each version; the version is the index. */
  readonly units: number[] = [0];
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
    const reason = this.version === 0 ? "unknown_product" : this.quantity < quantity ? "insufficient_stock" : null;
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
    if (order.state !== "accepted") return this.#still("order_already_cancelled");
    order.state = "cancelled";
    return this.#move(order.quantity);
  }

  count(quantity: number, asOfVersion: number | null): Outcome {
    if (asOfVersion === null) return this.#move(quantity - this.quantity);
    const then = asOfVersion >= 1 ? this.units[asOfVersion] : undefined;
    if (then === undefined) return this.#still("unknown_version");
    const correction = quantity - then;
    return this.quantity + correction < 0 ? this.#still("count_conflict") : this.#move(correction);
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
