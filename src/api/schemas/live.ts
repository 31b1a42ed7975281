import { Type } from "typebox";
import type { Static } from "typebox";
import { limits } from "../../limits.ts";
import { Closed, Nullable, ProductId, Uuid } from "./fields.ts";
import { Order } from "./orders.ts";
import { Product } from "./products.ts";

export const LiveHeaders = Type.Object({
  "last-event-id": Type.Optional(
    Type.String({
      description: "The id of the last event that was received; what is no id that was given counts as none",
      examples: ["2"],
    }),
  ),
});

const after = Type.Optional(
  Nullable(
    Type.Integer({
      minimum: 0,
      description: "The position that was told last: nothing up to it is told again",
      examples: [3],
    }),
  ),
);
const order = { kind: Type.Literal("order"), id: Uuid("The order's id") };
const product = { kind: Type.Literal("product"), id: ProductId };

export const LiveTopic = Type.Union([Closed({ ...order, after }), Closed({ ...product, after })]);
export type LiveTopic = Static<typeof LiveTopic>;

/** What clients of /live say. */
export const LiveRequest = Closed({
  type: Type.Enum(["subscribe", "unsubscribe"]),
  topics: Type.Array(LiveTopic, { minItems: 1, maxItems: limits.liveSocketTopicsMax }),
});
export type LiveRequest = Static<typeof LiveRequest>;

const Stock = Type.Object({
  productId: Product.properties.id,
  quantity: Product.properties.quantity,
  version: Product.properties.version,
});
const Position = Type.Integer({ description: "The order's revision, or the stock's version" });

/** What they are told. */
export const LiveEvent = Type.Union([
  Type.Object({ type: Type.Literal("event"), ...order, position: Position, data: Order }),
  Type.Object({ type: Type.Literal("event"), ...product, position: Position, data: Stock }),
]);
export const LiveAnswer = Type.Object({
  type: Type.Enum(["subscribed", "unsubscribed"]),
  kind: Type.Enum(["order", "product"]),
  id: Type.String({ description: "An order's in lower case" }),
});
export const LiveProblem = Type.Object({
  type: Type.Literal("problem"),
  kind: Type.Optional(Type.Enum(["order", "product"], { description: "Absent where it is of the whole message" })),
  id: Type.Optional(Type.String()),
  code: Type.String({ description: "As the same problem over HTTP" }),
  detail: Type.String({ description: "For people" }),
});
