/**
 * What followers are told: an order or a product's stock as a whole, at a position. The position is the event's id. It grows with every
 * change and is the same on every instance: an order's revision, a product's stock version.
 */
import type { OrderDocument } from "../../schemas/order-document.ts";
import type { Stock } from "../../schemas/lines.ts";

export type LiveKind = "order" | "product";

export class LiveState {
  readonly kind: LiveKind;
  readonly position: number;
  readonly #content: object;
  #json: string | undefined;
  #event: Buffer | undefined;
  #message: Buffer | undefined;

  constructor(kind: LiveKind, position: number, content: object) {
    this.kind = kind;
    this.position = position;
    this.#content = content;
  }

  /** Made once, for all who follow it. */
  get json(): string {
    return (this.#json ??= JSON.stringify(this.#content));
  }

  /** As a WebSocket has it. */
  messageFor(id: string): Buffer {
    const { kind, position } = this;
    const head = JSON.stringify({ type: "event", kind, id, position });
    return (this.#message ??= Buffer.from(`${head.slice(0, -1)},"data":${this.json}}`));
  }

  /** As an event stream has it. */
  get event(): Buffer {
    const name = eventNames[this.kind];
    return (this.#event ??= Buffer.from(`id: ${this.position}\nevent: ${name}\ndata: ${this.json}\n\n`));
  }
}

export const eventNames = { order: "order", product: "stock" } as const satisfies Record<LiveKind, string>;

export const orderState = (order: OrderDocument): LiveState => new LiveState("order", order.revision, order);

export const stockState = (productId: string, { quantity, version }: Stock): LiveState =>
  new LiveState("product", version, { productId, quantity, version });
