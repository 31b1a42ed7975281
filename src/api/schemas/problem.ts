/** Problems (RFC 9457) as routes declare them: which codes, under which status, with which further members. */
import { Type } from "typebox";
import type { TSchema } from "typebox";
import { problemBody, problems } from "../problems.ts";
import type { ProblemCode } from "../problems.ts";
import { headersOf } from "./answer.ts";
import { exampleIds, FulfilmentField, ProductId, Time, Uuid } from "./fields.ts";

const BrokenRule = Type.Object({
  in: Type.Enum(["body", "headers", "params", "querystring"]),
  field: Type.String({ description: "JSON pointer" }),
  message: Type.String(),
});

/** What a problem may say beside what every problem has. */
export const memberSchemas = {
  errors: Type.Array(BrokenRule, { description: "The rules that were broken" }),
  orderId: Uuid("The order"),
  commandId: Uuid("The command: the same id again counts once"),
  productId: ProductId,
  driverId: Type.String({ description: "The driver" }),
  alertId: Type.Integer({ description: "The alert" }),
  webhookId: Uuid("The webhook"),
  deliveryId: Uuid("The delivery"),
  quantity: Type.Integer({ description: "Units wanted" }),
  available: Type.Integer({ description: "Units in stock at the decision" }),
  version: Type.Integer({ description: "The product's stock version at the decision" }),
  revision: Type.Integer({ description: "The product's revision now" }),
  decidedAt: Time("When it was decided"),
  fulfilment: FulfilmentField("How far the order is"),
} as const satisfies Record<string, TSchema>;

/** What is told of one that failed among many in one request: as `partProblem` makes it. */
export const partProblemFields = {
  code: Type.Optional(Type.String({ description: "Why it failed or was refused: a problem code" })),
  detail: Type.Optional(Type.String({ description: "For people" })),
  retryAfter: Type.Optional(Type.Integer({ description: "Seconds, then it may be sent again: it counts once" })),
  errors: Type.Optional(memberSchemas.errors),
} as const;

export type MemberName = keyof typeof memberSchemas;

const orderDecision = ["orderId", "productId", "quantity", "available", "version", "decidedAt"] as const;
const commandDecision = ["commandId", "productId", "available", "version"] as const;
const cancelDecision = ["orderId", ...commandDecision] as const;
/** Names what may be sent again; a product's first delivery tells the product too. */
const sentAgain = ["orderId", "commandId", "productId"] as const;

/** The members that a problem with this code may have, never others; docs/http.md names them too. */
export const problemMembers: Readonly<Record<ProblemCode, readonly MemberName[]>> = {
  quantity_out_of_range: orderDecision,
  unknown_product: [...orderDecision, "commandId"],
  product_archived: orderDecision,
  insufficient_stock: orderDecision,
  cancelled_before_placed: orderDecision,
  product_mismatch: cancelDecision,
  order_rejected: cancelDecision,
  order_already_cancelled: cancelDecision,
  not_an_order: cancelDecision,
  stock_limit_exceeded: cancelDecision,
  unknown_version: commandDecision,
  count_conflict: commandDecision,
  not_parked: [],
  still_refused: [],
  already_archived: commandDecision,
  not_archived: commandDecision,
  unknown_order: cancelDecision,
  already_packed: cancelDecision,
  invalid_request: ["errors"],
  malformed_json: [],
  malformed_http: [],
  conflicting_ids: ["orderId"],
  invalid_cursor: [],
  route_not_found: [],
  unknown_driver: ["driverId"],
  no_driver_to_see: ["orderId", "fulfilment"],
  unknown_alert: ["alertId"],
  unknown_webhook: ["webhookId"],
  unknown_delivery: ["deliveryId"],
  step_not_allowed: ["orderId", "fulfilment"],
  method_not_allowed: [],
  request_timeout: [],
  product_exists: ["productId"],
  driver_exists: ["driverId"],
  webhook_disabled: ["webhookId"],
  too_many_webhooks: [],
  driver_busy: ["driverId", "orderId"],
  order_has_driver: ["orderId", "driverId"],
  order_not_deliverable: ["orderId"],
  delivery_ended: ["orderId", "driverId"],
  revision_conflict: ["productId", "revision"],
  revision_required: ["productId"],
  order_cancelled: orderDecision,
  body_too_large: [],
  unsupported_media_type: [],
  order_id_reused: ["orderId"],
  idempotency_key_reused: sentAgain,
  driver_off_duty: ["driverId"],
  webhook_address_refused: [],
  observed_in_future: ["driverId"],
  order_not_locatable: ["orderId"],
  upgrade_required: [],
  headers_too_large: [],
  internal_error: [],
  overloaded: sentAgain,
  product_busy: sentAgain,
  too_many_subscribers: [],
  product_moving: sentAgain,
  log_unavailable: sentAgain,
  store_unavailable: [],
  positions_unavailable: [],
  undecided: ["orderId"],
};

/** What can happen on any route that requests are admitted to. */
const everywhere: readonly ProblemCode[] = ["internal_error", "overloaded"];
/** What can happen on a route that takes a body. */
export const bodyProblems: readonly ProblemCode[] = [
  "invalid_request",
  "malformed_json",
  "body_too_large",
  "unsupported_media_type",
];
/** What can happen on a route that appends to the log. */
export const appendProblems: readonly ProblemCode[] = ["overloaded", "product_moving", "log_unavailable"];
/** What is told before a route is found, so that no route declares it. */
export const problemsOfNoRoute: readonly ProblemCode[] = [
  "malformed_http",
  "route_not_found",
  "method_not_allowed",
  "request_timeout",
  "upgrade_required",
  "headers_too_large",
];

/** The `response` part of a route's schema for these problems, by HTTP status. */
export const problemResponses = (...lists: readonly (readonly ProblemCode[])[]) => onlyResponses(everywhere, ...lists);

/** The same without what can happen everywhere. */
export function onlyResponses(...lists: readonly (readonly ProblemCode[])[]) {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of new Set(lists.flat())) {
    const { status } = problems[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, problemResponse(status, codes)]));
}

function problemResponse(status: number, codes: readonly ProblemCode[]) {
  const examples = Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }]));
  return {
    description: codes.join(", "),
    // Whatever is away or too busy is worth another try.
    headers: status === 503 || status === 429 ? headersOf("Retry-After") : headersOf(),
    content: { "application/problem+json": { schema: problemSchema(codes), examples } },
  };
}

const problemSchema = (codes: readonly ProblemCode[]) =>
  Type.Object({
    type: Type.String({ description: "`urn:tallyman:problem:` and the code" }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.Enum([...codes]),
    detail: Type.String({ description: "For people" }),
    requestId: Type.String({ description: "As X-Request-Id" }),
    ...Object.fromEntries(
      codes.flatMap((code) => problemMembers[code]).map((name) => [name, Type.Optional(memberSchemas[name])]),
    ),
  });

function exampleOf(code: ProblemCode) {
  const members = Object.fromEntries(problemMembers[code].map((name) => [name, memberExamples[name]]));
  return problemBody(code, "A sentence for people.", "x7Qf2k1s-1", members);
}

const memberExamples: Readonly<Record<MemberName, unknown>> = {
  errors: [{ in: "body", field: "/quantity", message: "must be integer" }],
  orderId: exampleIds.order,
  commandId: exampleIds.command,
  productId: exampleIds.product,
  driverId: exampleIds.driver,
  alertId: 1,
  webhookId: exampleIds.webhook,
  deliveryId: exampleIds.delivery,
  quantity: 3,
  available: 2,
  version: 2,
  revision: 3,
  decidedAt: "2026-01-31T12:00:00.000Z",
  fulfilment: "packed",
};
