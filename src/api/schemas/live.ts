import { Type } from "typebox";
import type { Static } from "typebox";
import { limits } from "../../limits.ts";
import { DriverOnTheWay } from "./drivers.ts";
import { Closed, Nullable, ProductId, Text, Uuid } from "./fields.ts";
import { Order } from "./orders.ts";
import { Product } from "./products.ts";

export const LiveHeaders = Type.Object({
  "last-event-id": Type.Optional(
    Type.String({
      description: "The id of the last event that was received; what is no id that was given counts as none",
      examples: ["2.1"],
    }),
  ),
});

const after = Type.Optional(
  Nullable(
    Type.String({
      maxLength: limits.livePositionCharsMax,
      description:
        "The position that was told last: nothing up to it is told again. What is none that was given counts as none",
      examples: ["3.1"],
    }),
  ),
);
const order = { kind: Type.Literal("order"), id: Uuid("The order's id") };
const product = { kind: Type.Literal("product"), id: ProductId };

/** Its products are told of as products are, from when it is subscribed to; what there is then is read. */
const category = { kind: Type.Literal("category"), id: Text(limits.categoryCharsMax, "The category's name") };

export const LiveTopic = Type.Union([Closed({ ...order, after }), Closed({ ...product, after }), Closed(category)]);
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
const { archived: _read, quantity: _told, version: _too, lowStockAt: _ours, ...described } = Product.properties;
const Described = Type.Object(described);
const Position = Type.String({
  description:
    "Two numbers: an order's revision and that of its way after packing; the stock's version and the product's revision",
  examples: ["3.1"],
});
const type = Type.Literal("event");
const event = <Name extends string>(name: Name) => Type.Literal(name);

/** What they are told. */
export const LiveEvent = Type.Union([
  Type.Object({ type, ...order, event: event("order"), position: Position, data: Order }),
  Type.Object({ type, ...order, event: event("driver"), data: DriverOnTheWay }),
  Type.Object({ type, ...product, event: event("stock"), position: Position, data: Stock }),
  Type.Object({ type, ...product, event: event("product"), position: Position, data: Described }),
]);
export const LiveAnswer = Type.Object({
  type: Type.Enum(["subscribed", "unsubscribed"]),
  kind: Type.Enum(["order", "product", "category"]),
  id: Type.String({ description: "An order's in lower case" }),
});
export const LiveProblem = Type.Object({
  type: Type.Literal("problem"),
  kind: Type.Optional(
    Type.Enum(["order", "product", "category"], { description: "Absent where it is of the whole message" }),
  ),
  id: Type.Optional(Type.String()),
  code: Type.String({ description: "As the same problem over HTTP" }),
  detail: Type.String({ description: "For people" }),
});
