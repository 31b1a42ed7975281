/**
 * The closed list of what can go wrong for a caller, as RFC 9457 problem details. A code is stable for ever; its HTTP
 * status is told here and nowhere else. `docs/http.md` explains each one, and a test holds the two lists together.
 */
import type { RefusalReason } from "../schemas/lines.ts";

type Kind = { readonly status: number; readonly title: string };

/** What was decided about a command: the stored reason is the code. */
const refusals = {
  quantity_out_of_range: { status: 422, title: "The quantity is out of range" },
  unknown_product: { status: 404, title: "There is no such product" },
  product_archived: { status: 409, title: "The product is not sold any more" },
  insufficient_stock: { status: 409, title: "There are not enough units" },
  cancelled_before_placed: { status: 409, title: "The order was cancelled before it was placed" },
  product_mismatch: { status: 409, title: "The order is of another product" },
  order_rejected: { status: 409, title: "The order was refused, so there is nothing to cancel" },
  order_already_cancelled: { status: 409, title: "The order is cancelled already" },
  not_an_order: { status: 409, title: "The id is not an order's" },
  stock_limit_exceeded: { status: 409, title: "The product would have more units than Tallyman keeps" },
  unknown_version: { status: 409, title: "The product's stock never had this version" },
  count_conflict: { status: 409, title: "More units were sold since than were counted" },
  not_parked: { status: 409, title: "The product is not parked" },
  still_refused: { status: 409, title: "A command that waits can't be stored yet" },
  already_archived: { status: 409, title: "The product is archived already" },
  unknown_order: { status: 404, title: "There is no such order" },
  already_packed: { status: 409, title: "The order is packed already" },
  not_archived: { status: 409, title: "The product is not archived" },
} as const satisfies Record<RefusalReason, Kind>;

export const problems = {
  ...refusals,
  invalid_request: { status: 400, title: "The request breaks a rule" },
  malformed_json: { status: 400, title: "The body is not JSON" },
  malformed_http: { status: 400, title: "The request is not HTTP" },
  conflicting_ids: { status: 400, title: "orderId and Idempotency-Key name different orders" },
  invalid_cursor: { status: 400, title: "The cursor is not one that this listing gave" },
  route_not_found: { status: 404, title: "There is no such resource" },
  unknown_driver: { status: 404, title: "There is no such driver" },
  no_driver_to_see: { status: 404, title: "Nobody is seen bringing the order" },
  unknown_alert: { status: 404, title: "There is no such alert" },
  unknown_webhook: { status: 404, title: "There is no such webhook" },
  unknown_delivery: { status: 404, title: "There is no such delivery" },
  method_not_allowed: { status: 405, title: "The resource does not take this method" },
  request_timeout: { status: 408, title: "The request did not arrive in time" },
  step_not_allowed: { status: 409, title: "The order is not where this step begins" },
  product_exists: { status: 409, title: "The product id is taken by another product" },
  driver_exists: { status: 409, title: "The driver id is taken by another driver" },
  webhook_disabled: { status: 409, title: "The webhook is disabled" },
  too_many_webhooks: { status: 409, title: "There are as many webhooks as there may be" },
  driver_busy: { status: 409, title: "The driver has an order" },
  order_has_driver: { status: 409, title: "Another driver has the order" },
  order_not_deliverable: { status: 409, title: "The order is not one that can be delivered" },
  delivery_ended: { status: 409, title: "The order is delivered" },
  order_cancelled: { status: 409, title: "The order was accepted and has been cancelled since" },
  revision_conflict: { status: 412, title: "The product has another revision" },
  body_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "The body must be application/json" },
  order_id_reused: { status: 422, title: "The order id belongs to an order with other content" },
  idempotency_key_reused: { status: 422, title: "The key was used for a request with other content" },
  driver_off_duty: { status: 422, title: "The driver is off duty" },
  webhook_address_refused: { status: 422, title: "Webhooks may not lead to this address" },
  observed_in_future: { status: 422, title: "The position was observed later than now" },
  order_not_locatable: { status: 422, title: "Where the order goes is no place to look for drivers at" },
  revision_required: { status: 428, title: "If-Match must tell which revision is changed" },
  product_busy: { status: 429, title: "The product is ordered faster than it is decided" },
  upgrade_required: { status: 426, title: "The resource is a WebSocket" },
  headers_too_large: { status: 431, title: "The request's head is too large" },
  internal_error: { status: 500, title: "Something broke here" },
  overloaded: { status: 503, title: "More requests are waiting than can be served" },
  too_many_subscribers: { status: 503, title: "More follow orders and products than can be served" },
  product_moving: { status: 503, title: "The product is moving to another partition" },
  log_unavailable: { status: 503, title: "The order log did not acknowledge in time" },
  store_unavailable: { status: 503, title: "The database can't be asked now" },
  positions_unavailable: { status: 503, title: "Redis, which has the drivers' positions, can't be asked now" },
  undecided: { status: 503, title: "Whether the id exists is not certain yet" },
} as const satisfies Record<string, Kind>;

export type ProblemCode = keyof typeof problems;

/** Of a request, or of one of the many things in it. */
export type BrokenRule = {
  readonly in: "body" | "headers" | "params" | "querystring";
  /** JSON pointer. */
  readonly field: string;
  readonly message: string;
};

/** What a problem says beside its code: named in `docs/http.md` for each code. */
export type ProblemMembers = Readonly<Record<string, unknown>>;

export type ProblemBody = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly requestId: string;
};

export type ProblemOptions = {
  readonly members?: ProblemMembers;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
};

/** Ends a request: thrown by routes, answered by `plugins/error-answers.ts`. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;
  readonly members: ProblemMembers;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ProblemCode, detail: string, { members = {}, headers = {}, cause }: ProblemOptions = {}) {
    super(detail, { cause });
    this.code = code;
    this.members = members;
    this.headers = headers;
  }
}

/** What one of many that came in one request is told of its own problem. */
export function partProblem({ code, message: detail, members: { errors }, headers }: Problem) {
  const seconds = headers["retry-after"];
  return {
    code,
    detail,
    ...(seconds !== undefined && { retryAfter: Number(seconds) }),
    ...(errors !== undefined && { errors: errors as BrokenRule[] }), // As `invalid_request` has it, here and in the documentation.
  };
}

/** The seconds after which a caller may try again. */
export const retrySoon = { "retry-after": "1" } as const;

/** The body that is sent; `members` come last and never replace what every problem has. */
export function problemBody(code: ProblemCode, detail: string, requestId: string, members: ProblemMembers = {}) {
  const { status, title } = problems[code];
  const body: ProblemBody = { type: `urn:tallyman:problem:${code}`, title, status, code, detail, requestId };
  return { ...members, ...body };
}
