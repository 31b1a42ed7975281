import { Type } from "typebox";
import type { Static } from "typebox";
import { limits } from "../../limits.ts";
import {
  Absent,
  Closed,
  Currency,
  DeliveryLocationSchema,
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

const CustomerId = Text(limits.customerIdCharsMax, "Who ordered");
const BasketId = Text(limits.basketIdCharsMax, "Orders that belong together");

export const PlaceOrderBody = Closed({
  orderId: Absent(Uuid("The order's id, chosen by the caller. Without it and without Idempotency-Key one is made")),
  productId: ProductId,
  quantity: Quantity,
  customerId: Absent(CustomerId),
  basketId: Absent(BasketId),
  deliveryLocation: Absent(DeliveryLocationSchema),
});
export type PlaceOrderBody = Static<typeof PlaceOrderBody>;

/** As src/schemas/order-document.ts has it; a test holds the two together. */
export const Order = Type.Object({
  revision: Type.Integer({ description: "0 while pending; grows when the order changes" }),
  orderId: Uuid("The order's id"),
  productId: ProductId,
  quantity: Type.Integer({ description: "Units; 0 for an order that was cancelled before it came" }),
  unitPriceCents: Nullable(PriceCents),
  currency: Nullable(Currency),
  customerId: Nullable(Type.String()),
  basketId: Nullable(Type.String()),
  deliveryLocation: Nullable(
    Type.Object({ latitude: Type.Number(), longitude: Type.Number(), address: Nullable(Type.String()) }),
  ),
  status: Type.Enum(["pending", "accepted", "rejected", "cancelled"]),
  reason: Nullable(Type.String({ description: "Why it was refused: one of the problem codes" })),
  stockAfter: Nullable(Type.Integer({ description: "Units left right after the decision" })),
  version: Nullable(Type.Integer({ description: "The product's stock version after the decision" })),
  partition: Type.Integer(),
  offset: Nullable(
    Type.Integer({ description: "The place in the log; null of a pending order that is only known to be on its way" }),
  ),
  placedAt: Time("When the order came, by the receiver's clock"),
  decidedAt: Nullable(Time("When it was decided, by PostgreSQL's clock")),
});

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

export const OrderPage = Type.Object({ orders: Type.Array(Order), next: NextCursor });

export const LookupBody = Closed({
  ids: Type.Array(Uuid("An order's id"), { minItems: 1, maxItems: limits.lookupIdsMax }),
});

export const LookupAnswer = Type.Object({
  orders: Type.Array(Order, { description: "Those that are known, in the order asked" }),
  unknown: Type.Array(Uuid("Proven not to exist")),
  undecided: Type.Array(Uuid("Not found, and not proven yet: ask again")),
});

export const CancelBody = Nullable(
  Closed({
    productId: Absent(ProductId),
  }),
);

/** What is told of a command that is on its way, or decided (waited for). */
export const CommandReceipt = Type.Object({
  commandId: Uuid("The command's id: the same one again counts once"),
  type: Type.Enum(["CancelOrder", "ReceiveStock", "CountStock"]),
  productId: ProductId,
  orderId: Nullable(Uuid("The order that a cancel names")),
  quantity: Nullable(Type.Integer({ description: "Units received or counted" })),
  status: Type.Enum(["pending", "accepted"]),
  stockAfter: Nullable(Type.Integer()),
  version: Nullable(Type.Integer()),
  partition: Type.Integer(),
  offset: Type.Integer(),
  decidedAt: Nullable(Time("When it was decided")),
});
export type CommandReceipt = Static<typeof CommandReceipt>;
