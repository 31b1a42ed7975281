import { Type } from "typebox";
import type { Static } from "typebox";
import { Closed, exampleIds, Named, NextCursor, Nullable, PageQuery, ProductId, Time } from "./fields.ts";

const alertExample = {
  id: 7,
  productId: exampleIds.product,
  lowStockAt: 3,
  quantity: 2,
  version: 12,
  decidedAt: "2026-01-31T12:00:00.000Z",
  raisedAt: "2026-01-31T12:00:00.900Z",
  acknowledgedAt: null,
  acknowledgedBy: null,
};

export const Alert = Named(
  "Alert",
  {
    id: Type.Integer({ description: "Grows with each alert" }),
    productId: ProductId,
    lowStockAt: Type.Integer({ description: "The product's threshold then" }),
    quantity: Type.Integer({ description: "Units, after the decision that went to the threshold or below" }),
    version: Type.Integer({ description: "The product's stock version after that decision" }),
    decidedAt: Time("When that was decided; where the product was low when the threshold was set, when that was seen"),
    raisedAt: Time("When the alert was raised"),
    acknowledgedAt: Nullable(Time("When somebody saw to it; null: nobody did")),
    acknowledgedBy: Nullable(Type.String({ description: "Who, in their own words" })),
  },
  alertExample,
);
export type Alert = Static<typeof Alert>;

export const AlertPage = Named(
  "AlertPage",
  { alerts: Type.Array(Alert, { description: "Newest first" }), next: NextCursor },
  { alerts: [alertExample], next: null },
);

export const ListAlertsQuery = Closed({
  productId: Type.Optional(ProductId),
  acknowledged: Type.Optional(Type.Boolean({ description: "Only those that are, or are not" })),
  ...PageQuery,
});

export const AlertParams = Type.Object({
  id: Type.String({ pattern: "^[0-9]{1,15}$", description: "The alert's id", examples: ["7"] }),
});
