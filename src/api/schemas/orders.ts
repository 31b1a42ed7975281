import { Type } from "typebox";
import type { Static } from "typebox";
import { limits } from "../../limits.ts";
import {
  Absent,
  Closed,
  Currency,
  DeliveryLocationSchema,
  FulfilmentField,
  exampleIds,
  Named,
  NextCursor,
  Nullable,
  PageQuery,
  PriceCents,
  ProductId,
  Quantity,
  Text,
  Time,
  Uuid,
} from "./fields.ts";

const DriverId = Type.String({ description: "The driver's id", examples: [exampleIds.driver] });
const CustomerId = Text(limits.customerIdCharsMax, "Who ordered");
const BasketId = Text(limits.basketIdCharsMax, "Orders that belong together");

export const PlaceOrderBody = Closed(
  {
    orderId: Absent(Uuid("The order's id, chosen by the caller. Without it and without Idempotency-Key one is made")),
    productId: ProductId,
    quantity: Quantity,
    customerId: Absent(CustomerId),
    basketId: Absent(BasketId),
    deliveryLocation: Absent(DeliveryLocationSchema),
  },
  { orderId: exampleIds.order, productId: exampleIds.product, quantity: 3, customerId: "ada" },
);
export type PlaceOrderBody = Static<typeof PlaceOrderBody>;

const orderExample = {
  revision: 1,
  orderId: exampleIds.order,
  productId: exampleIds.product,
  quantity: 3,
  unitPriceCents: 4_900,
  currency: "EUR",
  customerId: "ada",
  basketId: null,
  deliveryLocation: null,
  status: "accepted",
  reason: null,
  fulfilment: null,
  driver: null,
  stockAfter: 2,
  version: 2,
  partition: 7,
  offset: 42,
  placedAt: "2026-01-31T12:00:00.000Z",
  decidedAt: "2026-01-31T12:00:00.012Z",
};

/** As src/schemas/order-document.ts has it; a test holds the two together. */
export const Order = Named(
  "Order",
  {
    revision: Type.Integer({ description: "0 while pending; grows when the order changes" }),
    orderId: Uuid("The order's id"),
    productId: ProductId,
    quantity: Type.Integer({ description: "Units; 0 for an order that was cancelled before it came" }),
    unitPriceCents: Nullable(PriceCents),
    currency: Nullable(Currency),
    customerId: Nullable(Type.String({ description: "Who ordered" })),
    basketId: Nullable(Type.String({ description: "Orders that belong together" })),
    deliveryLocation: Nullable(
      Type.Object({ latitude: Type.Number(), longitude: Type.Number(), address: Nullable(Type.String()) }),
    ),
    status: Type.Enum(["pending", "accepted", "rejected", "cancelled"]),
    reason: Nullable(Type.String({ description: "Why it was refused: one of the problem codes" })),
    fulfilment: FulfilmentField("How far it is on its way; null: not packed"),
    driver: Nullable(
      Type.Object(
        { driverId: DriverId, name: Type.String({ description: "What people call the driver" }) },
        { description: "Who brings it, while it is out for delivery; where they are: /orders/{id}/driver" },
      ),
    ),
    stockAfter: Nullable(Type.Integer({ description: "Units left right after the decision" })),
    version: Nullable(Type.Integer({ description: "The product's stock version after the decision" })),
    partition: Type.Integer({ description: "Of the log" }),
    offset: Nullable(
      Type.Integer({
        description: "The place in the log; null of a pending order that is only known to be on its way",
      }),
    ),
    placedAt: Time("When the order came, by the receiver's clock"),
    decidedAt: Nullable(Time("When it was decided, by PostgreSQL's clock")),
  },
  orderExample,
);

export const OrderParams = Type.Object({ id: Uuid("The order's id") });

export const ReadOrderQuery = Closed({
  wait: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: limits.waitSecondsMax,
      description: "Seconds to wait for the decision of a pending order",
    }),
  ),
});

const DecidedStatus = Type.Enum(["accepted", "rejected", "cancelled"]);

export const ListOrdersQuery = Closed({
  customerId: Type.Optional(CustomerId),
  basketId: Type.Optional(BasketId),
  productId: Type.Optional(ProductId),
  status: Type.Optional(DecidedStatus),
  ...PageQuery,
});
export type ListOrdersQuery = Static<typeof ListOrdersQuery>;

export const OrderPage = Named(
  "OrderPage",
  { orders: Type.Array(Order, { description: "Newest decision first" }), next: NextCursor },
  { orders: [orderExample], next: null },
);

export const LookupBody = Closed(
  {
    ids: Type.Array(Uuid("An order's id"), {
      minItems: 1,
      maxItems: limits.lookupIdsMax,
      description: "Orders' ids; one that is named twice is answered once",
    }),
  },
  { ids: [exampleIds.order] },
);

export const LookupAnswer = Named(
  "LookupAnswer",
  {
    orders: Type.Array(Order, { description: "Those that are known, in the order asked" }),
    unknown: Type.Array(Uuid("An order's id"), { description: "Proven not to exist" }),
    undecided: Type.Array(Uuid("An order's id"), { description: "Not found, and not proven yet: ask again" }),
  },
  { orders: [orderExample], unknown: [], undecided: [] },
);

/** Nothing at all is null. */
export const CancelBody = Type.Union([Closed({ productId: Absent(ProductId) }), Type.Null()], {
  examples: [{ productId: exampleIds.product }],
});

export const Fulfilment = Named(
  "Fulfilment",
  {
    orderId: Uuid("The order"),
    fulfilment: FulfilmentField("The last step that is done; null: none"),
    steps: Type.Array(
      Type.Object({
        step: Type.Enum(["packed", "out_for_delivery", "delivered"]),
        actor: Nullable(Type.String({ description: "Who asked for it, in their words" })),
        doneAt: Time("When it was done, by PostgreSQL's clock"),
      }),
      { description: "In their order" },
    ),
  },
  {
    orderId: exampleIds.order,
    fulfilment: "packed",
    steps: [{ step: "packed", actor: "ada", doneAt: "2026-01-31T12:05:00.000Z" }],
  },
);
export type Fulfilment = Static<typeof Fulfilment>;

/** What is told of a command that is on its way, or decided (waited for). */
export const CommandReceipt = Named(
  "CommandReceipt",
  {
    commandId: Uuid("The command's id: the same one again counts once"),
    type: Type.Enum(["CancelOrder", "ReceiveStock", "CountStock", "ArchiveProduct", "RestoreProduct", "PackOrder"]),
    productId: ProductId,
    orderId: Nullable(Uuid("The order that a cancel or packing names")),
    quantity: Nullable(Type.Integer({ description: "Units received or counted; null of what brings none" })),
    status: Type.Enum(["pending", "accepted"]),
    stockAfter: Nullable(Type.Integer({ description: "Units in stock right after the decision" })),
    version: Nullable(Type.Integer({ description: "The product's stock version after the decision" })),
    partition: Type.Integer({ description: "Of the log" }),
    offset: Type.Integer({ description: "The place in the log" }),
    decidedAt: Nullable(Time("When it was decided")),
  },
  {
    commandId: exampleIds.command,
    type: "ReceiveStock",
    productId: exampleIds.product,
    orderId: null,
    quantity: 20,
    status: "accepted",
    stockAfter: 25,
    version: 4,
    partition: 7,
    offset: 45,
    decidedAt: "2026-01-31T12:00:00.012Z",
  },
);
export type CommandReceipt = Static<typeof CommandReceipt>;
