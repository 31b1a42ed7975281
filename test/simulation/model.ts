/** What each command should come to, told by a model that shares no code with the decider. It knows one product's history. */
import type { Command } from "../../src/schemas/commands.ts";

export type Verdict = {
  readonly status: string;
  readonly delta: number;
  readonly stockAfter: number;
  readonly version: number;
  readonly partition: number;
  readonly offset: number;
};
type ModelStock = { readonly quantity: number; readonly version: number; readonly archived?: true };
type At = { readonly partition: number; readonly offset: number };

/** Of one world: what is decided so far. Copied where there is more than one way on. */
export class Model {
  readonly verdicts: Map<string, Verdict>;
  readonly #stock: Map<string, ModelStock>;
  /** Units right after each version, by product. */
  readonly #history: Map<string, readonly number[]>;
  /** Orders that were cancelled before they came, and have come since. */
  readonly #came: Set<string>;
  readonly #packed: Set<string>;

  constructor(from?: Model) {
    this.verdicts = new Map(from?.verdicts);
    this.#stock = new Map(from === undefined ? [] : from.#stock);
    this.#history = new Map(from === undefined ? [] : from.#history);
    this.#came = new Set(from === undefined ? [] : from.#came);
    this.#packed = new Set(from === undefined ? [] : from.#packed);
  }

  stockOf(productId: string): ModelStock {
    return this.#stock.get(productId) ?? { quantity: 0, version: 0 };
  }

  products(): Iterable<string> {
    return this.#stock.keys();
  }

  decide(command: Command, at: At): void {
    const known = this.verdicts.get(command.commandId);
    if (known !== undefined) {
      // Cancelled before it was placed: its coming gives the line its place in the log, once.
      const isFirst = command.type === "PlaceOrder" && known.status === "cancelled" && known.delta === 0;
      if (!isFirst || this.#came.has(command.commandId)) return;
      this.#came.add(command.commandId);
      this.verdicts.set(command.commandId, { ...known, ...this.#here(command, at) });
      return;
    }
    switch (command.type) {
      case "PlaceOrder":
        if (this.#isSold(command.productId) && this.stockOf(command.productId).quantity >= command.quantity) {
          this.#book(command, at, -command.quantity);
        } else this.#refuse(command, at);
        return;
      case "ArchiveProduct":
        if (this.#isSold(command.productId)) this.#book(command, at, 0, true);
        else this.#refuse(command, at);
        return;
      case "RestoreProduct":
        if (this.stockOf(command.productId).archived === true) this.#book(command, at, 0, false);
        else this.#refuse(command, at);
        return;
      case "ReceiveStock":
        this.#book(command, at, command.quantity);
        return;
      case "CountStock":
        this.#count(command, at);
        return;
      case "CancelOrder":
        this.#cancel(command, at);
        return;
      case "PackOrder":
        if (this.verdicts.get(command.orderId)?.status !== "accepted" || this.#packed.has(command.orderId)) {
          this.#refuse(command, at);
          return;
        }
        this.#packed.add(command.orderId);
        this.#book(command, at, 0);
        return;
      case "ResumeProduct":
        throw new Error("this model knows no parked products");
    }
  }

  #isSold(productId: string): boolean {
    const { version, archived } = this.stockOf(productId);
    return version > 0 && archived !== true;
  }

  #count(command: Extract<Command, { type: "CountStock" }>, at: At): void {
    const { quantity, version } = this.stockOf(command.productId);
    if (command.asOfVersion === null) {
      this.#book(command, at, command.quantity - quantity);
      return;
    }
    const then = this.#history.get(command.productId)?.[command.asOfVersion - 1];
    const delta = command.quantity - (then ?? 0);
    if (then === undefined || command.asOfVersion > version || quantity + delta < 0) this.#refuse(command, at);
    else this.#book(command, at, delta);
  }

  #cancel(command: Extract<Command, { type: "CancelOrder" }>, at: At): void {
    const order = this.verdicts.get(command.orderId);
    if (order === undefined) {
      const here = { delta: 0, ...this.#here(command, at) };
      this.verdicts.set(command.commandId, { status: "accepted", ...here });
      this.verdicts.set(command.orderId, { status: "cancelled", ...here });
    } else if (order.status === "accepted" && !this.#packed.has(command.orderId)) {
      this.verdicts.set(command.orderId, { ...order, status: "cancelled" });
      this.#book(command, at, -order.delta);
    } else this.#refuse(command, at);
  }

  #book({ commandId, productId }: Command, at: At, delta: number, archives?: boolean): void {
    const { quantity, version, archived } = this.stockOf(productId);
    const isArchived = archives ?? archived === true;
    const after = {
      ...{ quantity: quantity + delta, version: version + 1 },
      ...(isArchived && { archived: true as const }),
    };
    this.#stock.set(productId, after);
    this.#history.set(productId, [...(this.#history.get(productId) ?? []), after.quantity]);
    this.verdicts.set(commandId, {
      status: "accepted",
      delta,
      stockAfter: after.quantity,
      version: after.version,
      ...at,
    });
  }

  #refuse(command: Command, at: At): void {
    this.verdicts.set(command.commandId, { status: "rejected", delta: 0, ...this.#here(command, at) });
  }

  #here({ productId }: Command, at: At): Omit<Verdict, "status" | "delta"> {
    const { quantity, version } = this.stockOf(productId);
    return { stockAfter: quantity, version, ...at };
  }
}
