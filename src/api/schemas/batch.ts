import { Type } from "typebox";
import { exampleIds, Named, Nullable, Uuid } from "./fields.ts";
import { partProblemFields } from "./problem.ts";

/** What is told of one line. As src/api/batch-orders.ts has it; a test holds the two together. */
export const BatchResult = Named(
  "BatchResult",
  {
    line: Type.Integer({ minimum: 1, description: "The line's number in the body, or the order's in the array" }),
    orderId: Type.Optional(Uuid("The order's id; not there where the line could not be read")),
    status: Type.Enum(["pending", "accepted", "rejected", "cancelled", "failed"], {
      description: "failed: not taken, for the reason that `code` is. Else the order's status",
    }),
    partition: Type.Optional(Type.Integer({ description: "Of the log" })),
    offset: Type.Optional(Nullable(Type.Integer({ description: "The place in the log" }))),
    stockAfter: Type.Optional(Nullable(Type.Integer({ description: "Units left right after the decision" }))),
    version: Type.Optional(Nullable(Type.Integer({ description: "The product's stock version after the decision" }))),
    ...partProblemFields,
  },
  { line: 1, orderId: exampleIds.order, status: "pending", partition: 7, offset: 42 },
);
