/**
 * Judges a history of HTTP calls: is there one order of decisions that explains every answer? The ledger says which order
 * it claims to be, by the offsets of each product's lines; the model (`http-model.ts`) is taken through it.
 *
 * J1 Every line was asked for: its content is that of a call with its id.
 * J2 Each line says what the model says, at its place.
 * J3 Each answer that tells a decision tells its line's, with code, units and version; a repeat is told the same; other content
 *    under a used id is refused.
 * J4 Real time: what was answered before another call began comes before it.
 * J5 An answer that decides nothing (not found, other content, known already) was true at some moment of its call.
 * J6 Afterwards products and orders read as the model ends.
 */
import type { AnswerBody, Call, Exchange, Names } from "./http-calls.ts";
import { ProductModel } from "./http-model.ts";
import type { Outcome } from "./http-model.ts";

/** A row of the ledger. */
export type LedgerRow = {
  readonly command_id: string;
  readonly type: "PlaceOrder" | "CancelOrder" | "ReceiveStock" | "CountStock";
  readonly product_id: string;
  readonly order_id: string | null;
  readonly quantity: number;
  readonly as_of_version: number | null;
  readonly status: Outcome["status"];
  readonly reason: string | null;
  readonly delta: number;
  readonly stock_after: number;
  readonly version: number;
  readonly offset: number;
  readonly unit_price_cents: number | null;
};

/** What GET says when all is over; undefined: 404. */
export type Afterwards = {
  readonly products: ReadonlyMap<string, AnswerBody | undefined>;
  readonly orders: ReadonlyMap<string, AnswerBody | undefined>;
};

type Judged = { readonly row: LedgerRow; readonly outcome: Outcome };

/** What is wrong, a sentence each; empty when the history can be explained. */
export function judge(
  names: Names,
  history: readonly Exchange[],
  rows: readonly LedgerRow[],
  afterwards: Afterwards,
): string[] {
  const complaints: string[] = [];
  const commands = nameCommands(names, history, rows, complaints);
  const models = new Map(names.products.map((id) => [id, new ProductModel()]));
  const judged = new Map<string, Judged>();
  for (const [productId, model] of models) {
    const sequence = rows
      .filter((row) => row.product_id === productId && !isPlaceholder(row))
      .toSorted((a, b) => a.offset - b.offset);
    for (const row of sequence) {
      const name = commands.nameOf(row);
      if (!history.some(({ call }) => commands.of(call) === name && asksFor(names, call, row))) {
        complaints.push(`J1: nobody asked for ${name}: ${JSON.stringify(row)}`);
      }
      const outcome = replay(names, model, row, rows);
      judged.set(name, { row, outcome });
      const stored = { status: row.status, reason: row.reason, delta: row.delta, stockAfter: row.stock_after };
      const wanted = {
        status: outcome.status,
        reason: outcome.reason,
        delta: outcome.delta,
        stockAfter: outcome.stockAfter,
      };
      // A cancel changes its order's line: what was accepted reads as cancelled since.
      const since = row.type === "PlaceOrder" && row.status === "cancelled" && outcome.status === "accepted";
      const now = since ? { ...stored, status: "accepted" } : stored;
      if (JSON.stringify(now) !== JSON.stringify(wanted) || row.version !== outcome.version) {
        complaints.push(`J2: ${name} is ${JSON.stringify(row)}, and the model says ${JSON.stringify(outcome)}`);
      }
      if (since && !rows.some((other) => other.order_id === row.command_id && other.status === "accepted")) {
        complaints.push(`J2: ${name} is cancelled, and no cancel is accepted`);
      }
    }
    complaints.push(...outOfTime(sequence.map(commands.nameOf), history, commands.of));
  }
  const context: Context = { names, history, rows, models, judged, commandOf: commands.of, afterwards };
  for (const exchange of history) {
    const why = whyWrong(context, exchange);
    if (why !== null) complaints.push(`${why}: ${JSON.stringify(exchange)}`);
  }
  return [...complaints, ...wrongAfterwards(context)];
}

/** A cancel that came before its order has taken the order's id; the order's content is still to come. */
const isPlaceholder = (row: LedgerRow): boolean => row.type === "PlaceOrder" && row.unit_price_cents === null;

/** Calls and lines get one name for one command. Ids that Tallyman makes are learned from its answers. */
function nameCommands(
  names: Names,
  history: readonly Exchange[],
  rows: readonly LedgerRow[],
  complaints: string[],
): { of: (call: Call) => string; nameOf: (row: LedgerRow) => string } {
  const unkeyed = new Map(history.map(({ call }, index) => [call, `call ${index}`]));
  const of = (call: Call): string => {
    switch (call.kind) {
      case "create":
      case "read":
        return `${call.kind} ${call.product}`;
      case "place":
        return `place ${call.order}`;
      case "cancel":
        return `cancel ${call.order}`;
      case "restock":
      case "count":
        return call.key === null ? (unkeyed.get(call) ?? "") : `${call.kind} ${call.product} ${call.key}`;
    }
  };
  const learned = new Map<string, string>();
  for (const { call, body } of history) {
    const id = call.kind === "create" ? body.initialStock?.commandId : body.commandId;
    if (id === undefined || call.kind === "cancel" || call.kind === "place") continue;
    const before = learned.get(id);
    if (before !== undefined && before !== of(call)) complaints.push(`J3: ${id} is both ${before} and ${of(call)}`);
    learned.set(id, of(call));
  }
  const nameOf = (row: LedgerRow): string => {
    const order = names.orders.indexOf(row.order_id ?? row.command_id);
    if (row.type === "PlaceOrder") return `place ${order}`;
    // The id of a cancel follows from its order; should two lines have it cancelled, they are two.
    if (row.type === "CancelOrder")
      return rows.find((each) => isCancelOf(each, row.order_id)) === row ? `cancel ${order}` : `cancel ${order} again`;
    return learned.get(row.command_id) ?? `${row.type} ${row.command_id}`;
  };
  return { of, nameOf };
}

const isCancelOf = (row: LedgerRow, orderId: string | null): boolean =>
  row.type === "CancelOrder" && row.order_id === orderId;

/** Whether the call is about the command that the row has stored. */
function asksFor(names: Names, call: Call, row: LedgerRow): boolean {
  switch (call.kind) {
    case "create":
      return row.type === "ReceiveStock" && row.quantity === call.stock;
    case "place":
      return row.type === "PlaceOrder" && row.product_id === names.home(call.order) && row.quantity === call.quantity;
    case "cancel":
      return row.type === "CancelOrder" && row.product_id === (names.named(call) ?? row.product_id);
    case "restock":
      return row.type === "ReceiveStock" && row.quantity === call.quantity;
    case "count":
      return row.type === "CountStock" && row.quantity === call.quantity && row.as_of_version === call.asOfVersion;
    case "read":
      return false;
  }
}

function replay(names: Names, model: ProductModel, row: LedgerRow, rows: readonly LedgerRow[]): Outcome {
  switch (row.type) {
    case "PlaceOrder":
      return model.place(row.command_id, row.quantity);
    case "ReceiveStock":
      return model.receive(row.quantity);
    case "CountStock":
      return model.count(row.quantity, row.as_of_version);
    case "CancelOrder": {
      const orderId = row.order_id ?? "";
      if (row.product_id === names.home(names.orders.indexOf(orderId))) return model.cancel(orderId);
      // By another product: refused when the order was there; else it has taken the order's id, for good.
      const taken = rows.some((each) => each.command_id === orderId && each.product_id === row.product_id);
      const reason = taken ? null : "product_mismatch";
      const status = taken ? "accepted" : "rejected";
      return { status, reason, delta: 0, stockAfter: model.quantity, version: model.version };
    }
  }
}

/** J4: pairs of one product's commands that are decided the other way round than they were answered and begun. */
function outOfTime(
  sequence: readonly string[],
  history: readonly Exchange[],
  commandOf: (call: Call) => string,
): string[] {
  const begun = new Map<string, number>();
  const answered = new Map<string, number>();
  for (const { call, startedAt, endedAt, status } of history) {
    const name = commandOf(call);
    begun.set(name, Math.min(begun.get(name) ?? Infinity, startedAt));
    if (status < 300) answered.set(name, Math.min(answered.get(name) ?? Infinity, endedAt));
  }
  return sequence.flatMap((earlier, index) =>
    sequence
      .slice(index + 1)
      .filter((later) => (answered.get(later) ?? Infinity) < (begun.get(earlier) ?? -Infinity))
      .map((later) => `J4: ${later} was answered before ${earlier} began, and is decided after it`),
  );
}

type Context = {
  readonly names: Names;
  readonly history: readonly Exchange[];
  readonly rows: readonly LedgerRow[];
  readonly models: ReadonlyMap<string, ProductModel>;
  readonly judged: ReadonlyMap<string, Judged>;
  readonly commandOf: (call: Call) => string;
  readonly afterwards: Afterwards;
};

/** J3 and J5 of one answer; null: it can be explained. */
function whyWrong(context: Context, exchange: Exchange): string | null {
  switch (exchange.call.kind) {
    case "create":
      return whyCreateIsWrong(context, exchange, exchange.call);
    case "place":
      return whyPlaceIsWrong(context, exchange, exchange.call);
    case "cancel":
      return whyCancelIsWrong(context, exchange, exchange.call);
    case "restock":
    case "count":
      return whyMovementIsWrong(context, exchange, exchange.call);
    case "read":
      return whyReadIsWrong(context, exchange, exchange.call);
  }
}

/** Somebody had been told before this call began that the product is there: then nobody may be told that it is not. */
const isCreatedBefore = ({ history, names }: Context, productId: string, startedAt: number): boolean =>
  history.some(
    ({ call, status, endedAt }) =>
      call.kind === "create" && names.products[call.product] === productId && status === 201 && endedAt < startedAt,
  );

/** Refused by the catalogue, so that nothing is in the log: the answer names no command. */
const isUnknownToCatalogue = ({ status, body }: Exchange): boolean =>
  status === 404 && body.code === "unknown_product" && body.orderId === undefined && body.commandId === undefined;

const isPair = (model: ProductModel | undefined, { quantity, version }: AnswerBody): boolean =>
  typeof version === "number" && model?.units[version] === quantity;

function whyCreateIsWrong(
  context: Context,
  { status, body }: Exchange,
  call: Call & { kind: "create" },
): string | null {
  const productId = context.names.products[call.product] ?? "";
  const delivered = context.judged.get(context.commandOf(call));
  const kept = context.afterwards.products.get(productId);
  const isSame = kept?.priceCents === call.priceCents && delivered?.row.quantity === call.stock;
  if (!isSame) return status === 409 && body.code === "product_exists" ? null : "J3: a product with other content";
  if (status !== 201 || body.initialStock?.status !== "accepted") return "J3: created, and not told so";
  return isPair(context.models.get(productId), body) ? null : "J3: units that it never had at this version";
}

function whyReadIsWrong(context: Context, exchange: Exchange, call: Call & { kind: "read" }): string | null {
  const productId = context.names.products[call.product] ?? "";
  if (
    isUnknownToCatalogue({ ...exchange, body: { ...exchange.body, ...(exchange.status === 404 && { quantity: 0 }) } })
  ) {
    return isCreatedBefore(context, productId, exchange.startedAt) ? "J5: it was there" : null;
  }
  if (exchange.status !== 200) return "J5: it can be read";
  return isPair(context.models.get(productId), exchange.body) ? null : "J5: units that it never had at this version";
}

type Movement = Call & { kind: "restock" | "count" };

function whyMovementIsWrong(context: Context, exchange: Exchange, call: Movement): string | null {
  const { status, body, startedAt } = exchange;
  if (isUnknownToCatalogue(exchange)) {
    return isCreatedBefore(context, context.names.products[call.product] ?? "", startedAt) ? "J5: it was there" : null;
  }
  const decided = context.judged.get(context.commandOf(call));
  if (decided === undefined) return "J3: it was answered, and is not in the ledger";
  if (!asksFor(context.names, call, decided.row)) {
    return status === 422 && body.code === "idempotency_key_reused" ? null : "J3: the key has other content";
  }
  return whyNotTold(decided.outcome, exchange, 200);
}

/** The answer of a decision: `accepted` is its status when it was accepted. */
function whyNotTold(outcome: Outcome, { status, body }: Exchange, accepted: number): string | null {
  const wanted =
    outcome.reason === null
      ? { status: accepted, code: undefined, units: outcome.stockAfter, version: outcome.version }
      : {
          status: outcome.reason === "unknown_product" ? 404 : 409,
          code: outcome.reason,
          units: outcome.stockAfter,
          version: outcome.version,
        };
  const told = { status, code: body.code, units: body.available ?? body.stockAfter, version: body.version };
  return JSON.stringify(told) === JSON.stringify(wanted) ? null : `J3: wanted ${JSON.stringify(wanted)}`;
}

function whyPlaceIsWrong(context: Context, exchange: Exchange, call: Call & { kind: "place" }): string | null {
  const { names, history, rows, judged } = context;
  const { status, body, startedAt, endedAt } = exchange;
  const orderId = names.orders[call.order] ?? "";
  if (isUnknownToCatalogue(exchange)) {
    return isCreatedBefore(context, names.home(call.order), startedAt) ? "J5: it was there" : null;
  }
  const isReused = body.code === (call.byKey ? "idempotency_key_reused" : "order_id_reused");
  if (status === 422 && isReused) {
    const hasOther = history.some(
      (other) =>
        other.call.kind === "place" &&
        other.call.order === call.order &&
        other.call.quantity !== call.quantity &&
        other.startedAt < endedAt,
    );
    return hasOther ? null : "J5: nobody has sent other content";
  }
  const row = rows.find((each) => each.command_id === orderId);
  if (row === undefined) return "J3: it was answered, and is not in the ledger";
  if (isPlaceholder(row)) {
    const outcome: Outcome = {
      status: "cancelled",
      reason: "cancelled_before_placed",
      delta: 0,
      stockAfter: row.stock_after,
      version: row.version,
    };
    if (row.product_id === names.home(call.order)) return "J3: it was answered, and only its cancel is in the ledger";
    return whyNotTold(outcome, exchange, 201);
  }
  if (row.quantity !== call.quantity) return "J3: the id has other content";
  const decided = judged.get(context.commandOf(call));
  if (decided === undefined) return "J3: it was answered, and is not in the ledger";
  const cancels = history.filter((other) => other.call.kind === "cancel" && other.call.order === call.order);
  if (status === 409 && body.code === "order_cancelled") {
    if (row.status !== "cancelled" || !cancels.some((cancel) => cancel.startedAt < endedAt))
      return "J5: nobody cancelled it";
    // It tells of the decision that accepted it.
    const { stockAfter, version } = decided.outcome;
    const isRight = decided.outcome.reason === null && body.available === stockAfter && body.version === version;
    return isRight ? null : `J3: accepted as ${JSON.stringify(decided.outcome)}`;
  }
  if (status === 201 && cancels.some((cancel) => cancel.status === 200 && cancel.endedAt < startedAt)) {
    return "J5: it was cancelled before";
  }
  return whyNotTold(decided.outcome, exchange, 201);
}

function whyCancelIsWrong(context: Context, exchange: Exchange, call: Call & { kind: "cancel" }): string | null {
  const { names, history, rows } = context;
  const { status, body, startedAt } = exchange;
  const orderId = names.orders[call.order] ?? "";
  const home = names.home(call.order);
  const named = names.named(call);
  const row = rows.find((each) => each.command_id === orderId);
  const about = history.filter(({ call: other }) => "order" in other && other.order === call.order && other !== call);
  switch (`${status} ${body.code ?? ""}`) {
    case "200 ": {
      if (row?.status !== "cancelled" || body.status !== "cancelled") return "J5: it is not cancelled";
      if (named !== null && named !== row.product_id) return "J5: it is of another product";
      const isEmpty = body.unitPriceCents === null;
      if (isEmpty && row.reason !== "cancelled_before_placed") return "J5: it was placed before it was cancelled";
      const isSame =
        body.quantity === row.quantity && body.version === row.version && body.stockAfter === row.stock_after;
      return isEmpty || isSame ? null : "J3: not the order that was cancelled";
    }
    case "409 order_rejected":
      return row?.status === "rejected" ? null : "J5: it was never refused";
    case "409 product_mismatch":
      return named !== null && (named !== home || (row !== undefined && row.product_id !== named))
        ? null
        : "J5: it is of this product";
    case "404 unknown_order": {
      const isKnown = about.some((other) => other.endedAt < startedAt && tellsOfOrder(other));
      return named === null && !isKnown ? null : "J5: it was there";
    }
    case "404 unknown_product":
      return named !== null && !isCreatedBefore(context, named, startedAt) ? null : "J5: it was there";
    case "422 idempotency_key_reused": {
      const stored = rows.find((each) => isCancelOf(each, orderId));
      return stored !== undefined && stored.product_id !== (named ?? home) ? null : "J5: its cancel is the same";
    }
    default:
      return "J3: no answer to a cancel";
  }
}

/** The order, or the cancel that has taken its id, is in the ledger by the time of this answer. */
const tellsOfOrder = (exchange: Exchange): boolean => {
  const { call, status } = exchange;
  if (call.kind === "place") return status !== 422 && !isUnknownToCatalogue(exchange);
  return call.kind === "cancel" && status === 200;
};

/** J6 */
function wrongAfterwards({ names, rows, models, afterwards }: Context): string[] {
  const products = names.products.flatMap((id) => {
    const [read, model] = [afterwards.products.get(id), models.get(id)];
    if (read === undefined) return model?.version === 0 ? [] : [`J6: ${id} can't be found`];
    const isRight = read.quantity === model?.quantity && read.version === model?.version;
    return isRight ? [] : [`J6: ${id} reads as ${JSON.stringify(read)}, not ${model?.quantity} at ${model?.version}`];
  });
  const orders = names.orders.flatMap((id) => {
    const [read, row] = [afterwards.orders.get(id), rows.find((each) => each.command_id === id)];
    const view = [read?.status, read?.reason, read?.quantity, read?.stockAfter, read?.version, read?.productId];
    const stored = [row?.status, row?.reason, row?.quantity, row?.stock_after, row?.version, row?.product_id];
    return JSON.stringify(view) === JSON.stringify(stored) ? [] : [`J6: ${id} reads as ${JSON.stringify(read)}`];
  });
  return [...products, ...orders];
}
