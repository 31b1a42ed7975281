/**
 * What followers are told, and what it is made of: two facts that each grow alone and have numbers that are the same on every instance.
 * Of an order these are its line, at its revision, and its way after packing, at the revision of that; of a product its stock, at the
 * stock's version, and what it is, at the product's revision. Both numbers are the position, and the event's id.
 *
 * I1 Of two facts the one with the higher number stays, each by itself: what was read from two places never leads back in either.
 */
import type { OrderDocument } from "../../schemas/order-document.ts";
import type { Product } from "../../stores/catalogue-store.ts";
import type { Tracking } from "../../stores/tracking-store.ts";
import { trackedOrder } from "../seen-driver.ts";
import { describeProduct } from "./described-product.ts";
import type { StockFact } from "./described-product.ts";

export type LiveKind = "order" | "product";
/** The name of an event, by what it tells. */
export type EventName = "order" | "stock" | "product" | "driver";

/** -1 where nothing is known. */
export type Position = readonly [first: number, second: number];
export const nowhere: Position = [-1, -1];
export const reaches = (one: Position, other: Position): boolean => one[0] >= other[0] && one[1] >= other[1];

/** As clients bring it back. */
export const positionText = ([first, second]: Position): string => `${Math.max(0, first)}.${Math.max(0, second)}`;

/** Null: none, or none that was ever given. The second number may be missing: then nothing was told of it. */
export function readPosition(text: string | null | undefined): Position | null {
  const [, first, second] = /^(\d{1,15})(?:\.(\d{1,15}))?$/.exec(text ?? "") ?? [];
  return first === undefined ? null : [Number(first), second === undefined ? -1 : Number(second)];
}

/** One thing to tell. Without a position it does not count for who comes again. */
export class LiveState {
  readonly kind: LiveKind;
  readonly name: EventName;
  readonly position: Position | null;
  readonly #content: object;
  #json: string | undefined;
  #event: Buffer | undefined;
  #message: Buffer | undefined;

  constructor(kind: LiveKind, name: EventName, position: Position | null, content: object) {
    this.kind = kind;
    this.name = name;
    this.position = position;
    this.#content = content;
  }

  /** Made once, for all who follow it. */
  get json(): string {
    return (this.#json ??= JSON.stringify(this.#content));
  }

  /** As a WebSocket has it. */
  messageFor(id: string): Buffer {
    const { kind, name, position } = this;
    const at = position === null ? {} : { position: positionText(position) };
    const head = JSON.stringify({ type: "event", kind, id, event: name, ...at });
    return (this.#message ??= Buffer.from(`${head.slice(0, -1)},"data":${this.json}}`));
  }

  /** As an event stream has it. */
  get event(): Buffer {
    const id = this.position === null ? "" : `id: ${positionText(this.position)}\n`;
    return (this.#event ??= Buffer.from(`${id}event: ${this.name}\ndata: ${this.json}\n\n`));
  }
}

export type Facts = {
  readonly kind: LiveKind;
  readonly position: Position;
  /** The newer of each (I1); this very object where nothing is newer. */
  with(other: Facts): Facts;
  /** What to tell who was told up to there; null: nothing. */
  next(told: Position): LiveState | null;
};

const newer = <Fact>(one: Fact | null, oneAt: number, other: Fact | null, otherAt: number): Fact | null =>
  otherAt > oneAt ? other : one;

export class OrderFacts implements Facts {
  readonly kind = "order";
  readonly position: Position;
  readonly #order: OrderDocument | null;
  readonly #tracking: Tracking | null;
  readonly #numbers: Position;
  #state: LiveState | undefined;

  constructor(order: OrderDocument | null, tracking: Tracking | null) {
    this.#order = order;
    this.#tracking = tracking;
    this.#numbers = [order?.revision ?? -1, tracking?.revision ?? -1];
    // What is on its way before it is packed is nobody's who follows it: it is told as if nothing had been.
    const isUnpacked = order !== null && order.fulfilment === null && tracking !== null;
    this.position = isUnpacked ? [order.revision, 0] : this.#numbers;
  }

  /** As its customer sees it; null: not all of it is known. */
  get seen(): OrderDocument | null {
    return this.#order === null || this.#tracking === null ? null : trackedOrder(this.#order, this.#tracking);
  }

  with(other: Facts): Facts {
    if (!(other instanceof OrderFacts)) throw new TypeError("an order's facts are not another thing's");
    const [one, two] = [this.#numbers, other.#numbers];
    const order = newer(this.#order, one[0], other.#order, two[0]);
    const tracking = newer(this.#tracking, one[1], other.#tracking, two[1]);
    return order === this.#order && tracking === this.#tracking ? this : new OrderFacts(order, tracking);
  }

  next(told: Position): LiveState | null {
    const { seen, position } = this;
    if (seen === null || reaches(told, position)) return null;
    return (this.#state ??= new LiveState("order", "order", position, seen));
  }
}

export class ProductFacts implements Facts {
  readonly kind = "product";
  readonly position: Position;
  readonly #stock: StockFact | null;
  readonly #product: Product | null;
  /** Made last, for what most of those who follow it were told of the other fact. */
  #stockState: LiveState | undefined;
  #productState: LiveState | undefined;

  constructor(stock: StockFact | null, product: Product | null) {
    this.#stock = stock;
    this.#product = product;
    this.position = [stock?.version ?? -1, product?.revision ?? -1];
  }

  get category(): string | null {
    return this.#product?.category ?? null;
  }

  with(other: Facts): Facts {
    if (!(other instanceof ProductFacts)) throw new TypeError("a product's facts are not another thing's");
    const [one, two] = [this.position, other.position];
    const stock = newer(this.#stock, one[0], other.#stock, two[0]);
    const product = newer(this.#product, one[1], other.#product, two[1]);
    return stock === this.#stock && product === this.#product ? this : new ProductFacts(stock, product);
  }

  /** The stock first, so that what was told of the product has a number beside it. */
  next(told: Position): LiveState | null {
    const [version, revision] = this.position;
    if (this.#stock !== null && version > told[0]) {
      if (this.#stockState?.position?.[1] !== told[1])
        this.#stockState = new LiveState("product", "stock", [version, told[1]], this.#stock);
      return this.#stockState;
    }
    if (this.#product === null || revision <= told[1]) return null;
    if (this.#productState?.position?.[0] !== told[0])
      this.#productState = new LiveState("product", "product", [told[0], revision], describeProduct(this.#product));
    return this.#productState;
  }
}
