import { Type } from "typebox";
import type { Static } from "typebox";
import { Closed, Named, NextCursor, Nullable, PageQuery, Time } from "./fields.ts";

const auditExample = {
  id: 12,
  startedAt: "2026-01-31T03:00:04.000Z",
  endedAt: "2026-01-31T03:02:11.000Z",
  differences: 0,
  failedBecause: null,
  report: { products: 200 },
};
export const Audit = Named(
  "Audit",
  {
    id: Type.Integer({ description: "Grows with each audit" }),
    startedAt: Time("When it began"),
    endedAt: Time("When it ended"),
    differences: Nullable(Type.Integer({ description: "How many it found; null: it could not be finished" })),
    failedBecause: Nullable(Type.String({ description: "Why it could not, for people" })),
    report: Nullable(
      Type.Object({}, { additionalProperties: true, description: "What was compared, and the first differences" }),
    ),
  },
  auditExample,
);
export type Audit = Static<typeof Audit>;

export const AuditPage = Named(
  "AuditPage",
  { audits: Type.Array(Audit, { description: "Newest first" }), next: NextCursor },
  { audits: [auditExample], next: null },
);
export const ListAuditsQuery = Closed(PageQuery);
