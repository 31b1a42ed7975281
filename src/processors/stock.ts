/**
 * The decider: what becomes of a command, given what is known. Pure and total: no clock, no randomness, no I/O; time
 * and ids arrive in the command. Idempotency is checked before the business rules (P1), and the order in which refusals win
 * is the order of the code below, top down; `test/unit/stock-precedence.test.ts` holds it as a table.
 */
import { limits } from "../limits.ts";
import type { CancelOrder, Command, CountStock, LoggedCommand, PlaceOrder, ReceiveStock } from "../schemas/commands.ts";
import type { ArchiveProduct, PackOrder, RestoreProduct, ResumeProduct } from "../schemas/commands.ts";
import type { Line, RefusalReason, Stock } from "../schemas/lines.ts";
import type { LineChange } from "../stores/ledger-store.ts";

/** What is known when a command is decided. Absence is meant: the commit checks it again (P5). */
export type Knowledge = {
  /** The product's stock; undefined before its first stock command. */
  readonly stock: Stock | undefined;
  /** What was decided before under this command's own id. */
  readonly line: Line | undefined;
  /** Of a CancelOrder or PackOrder: the line of the order that it names. */
  readonly order: Line | undefined;
  /** Of a CountStock with `asOfVersion`: units right after that version. */
  readonly stockAtVersion: number | undefined;
};

export type Decision =
  | { readonly kind: "repeated"; readonly answer: Line }
  | {
      readonly kind: "decided";
      /** The command's own line: what waiters are told. */
      readonly answer: Line;
      /** New lines; the answer is among them unless it is a change. */
      readonly lines: readonly Line[];
      readonly changes: readonly LineChange[];
    };

/**
 * The stock after a line, `before` being the stock that it met: a refusal carries that. Undefined while a product has had no
 * stock.
 */
export function evolve(line: Line, before: Stock | undefined): Stock | undefined {
  if (line.version === 0) return undefined;
  const after = { quantity: line.stockAfter, version: line.version };
  return isArchivedAfter(line, before) ? { ...after, archived: true } : after;
}

function isArchivedAfter(line: Line, before: Stock | undefined): boolean {
  if (line.status === "accepted" && line.type === "ArchiveProduct") return true;
  if (line.status === "accepted" && line.type === "RestoreProduct") return false;
  return before?.archived === true;
}

export function decide(known: Knowledge, logged: LoggedCommand): Decision {
  const { command } = logged;
  if (known.line !== undefined) {
    return command.type === "PlaceOrder" ? placeKnown(known.line, known.stock, command, logged) : repeated(known.line);
  }
  switch (command.type) {
    case "PlaceOrder":
      return decided(place(known.stock, command, logged));
    case "CancelOrder":
      return cancel(known, command, logged);
    case "ReceiveStock":
      return decided(receive(known.stock, command, logged));
    case "CountStock":
      return decided(count(known, command, logged));
    case "ResumeProduct":
      return decided(notResumed(known.stock, command, logged, "not_parked"));
    case "ArchiveProduct":
    case "RestoreProduct":
      return decided(archiveOrRestore(known.stock, command, logged));
    case "PackOrder":
      return pack(known, command, logged);
  }
}

function repeated(line: Line): Decision {
  return { kind: "repeated", answer: line };
}

function decided(answer: Line, others: readonly Line[] = [], changes: readonly LineChange[] = []): Decision {
  return { kind: "decided", answer, lines: [answer, ...others], changes };
}

/** An order that was cancelled before it was placed has a line without a price: its content is still to come (P12). */
export function isCancelledBeforePlaced(line: Line): boolean {
  return line.type === "PlaceOrder" && line.unitPriceCents === null;
}

function placeKnown(line: Line, stock: Stock | undefined, command: PlaceOrder, logged: LoggedCommand): Decision {
  if (!isCancelledBeforePlaced(line) || line.productId !== command.productId) return repeated(line);
  const filled: Line = {
    ...unchanged(placedLine(command, logged), stock),
    status: "cancelled",
    reason: "cancelled_before_placed",
    revision: line.revision + 1,
  };
  return { kind: "decided", answer: filled, lines: [], changes: [{ readRevision: line.revision, line: filled }] };
}

function place(stock: Stock | undefined, command: PlaceOrder, logged: LoggedCommand): Line {
  const line = placedLine(command, logged);
  if (command.quantity < 1 || command.quantity > limits.quantityMax) {
    return refused(line, stock, "quantity_out_of_range");
  }
  if (stock === undefined) return refused(line, stock, "unknown_product");
  if (stock.archived === true) return refused(line, stock, "product_archived");
  if (stock.quantity < command.quantity) return refused(line, stock, "insufficient_stock");
  return accepted(line, stock, -command.quantity);
}

function cancel(known: Knowledge, command: CancelOrder, logged: LoggedCommand): Decision {
  const { stock, order } = known;
  const line = { ...lineOf(command, logged), orderId: command.orderId };
  if (command.orderId === command.commandId) return decided(refused(line, stock, "not_an_order"));
  if (order === undefined) {
    // The order may still come: its id is taken by a cancelled order without content.
    const answer = unchanged(line, stock);
    const tombstone: Line = {
      ...unchanged(lineOf(command, logged), stock),
      commandId: command.orderId,
      type: "PlaceOrder",
      status: "cancelled",
      reason: "cancelled_before_placed",
    };
    return decided(answer, [tombstone]);
  }
  if (order.type !== "PlaceOrder") return decided(refused(line, stock, "not_an_order"));
  if (order.productId !== command.productId) return decided(refused(line, stock, "product_mismatch"));
  const named = { ...line, quantity: order.quantity };
  if (order.status === "rejected") return decided(refused(named, stock, "order_rejected"));
  if (order.status === "cancelled") return decided(refused(named, stock, "order_already_cancelled"));
  if (order.fulfilment !== null) return decided(refused(named, stock, "already_packed"));
  // Possible only when order and stock were read apart, around another owner's commit: the commit finds it stale (P5).
  if (stock === undefined) return decided(refused(named, stock, "unknown_product"));
  if (stock.quantity + order.quantity > limits.stockMax) return decided(refused(named, stock, "stock_limit_exceeded"));
  const change: LineChange = {
    readRevision: order.revision,
    line: { ...order, status: "cancelled", revision: order.revision + 1 },
  };
  return decided(accepted(named, stock, order.quantity), [], [change]);
}

/**
 * Whichever of packing and cancelling is decided first wins: both change the order's line, at the revision that was read (P12).
 * An order that is not there is not waited for: that another owner accepts it meanwhile raises the product's version (P5).
 */
function pack({ stock, order }: Knowledge, command: PackOrder, logged: LoggedCommand): Decision {
  const line = { ...lineOf(command, logged), orderId: command.orderId, actor: command.actor };
  if (command.orderId === command.commandId) return decided(refused(line, stock, "not_an_order"));
  if (order === undefined) return decided(refused(line, stock, "unknown_order"));
  if (order.type !== "PlaceOrder") return decided(refused(line, stock, "not_an_order"));
  if (order.productId !== command.productId) return decided(refused(line, stock, "product_mismatch"));
  const named = { ...line, quantity: order.quantity };
  if (order.status === "rejected") return decided(refused(named, stock, "order_rejected"));
  if (order.status === "cancelled") return decided(refused(named, stock, "order_already_cancelled"));
  if (order.fulfilment !== null) return decided(refused(named, stock, "already_packed"));
  if (stock === undefined) return decided(refused(named, stock, "unknown_product"));
  const change: LineChange = {
    readRevision: order.revision,
    line: { ...order, fulfilment: "packed", revision: order.revision + 1 },
  };
  return decided(accepted(named, stock, 0), [], [change]);
}

function receive(stock: Stock | undefined, command: ReceiveStock, logged: LoggedCommand): Line {
  const line = { ...lineOf(command, logged), quantity: command.quantity, reference: command.reference };
  if (command.quantity < 0 || command.quantity > limits.quantityMax) {
    return refused(line, stock, "quantity_out_of_range");
  }
  if ((stock?.quantity ?? 0) + command.quantity > limits.stockMax) return refused(line, stock, "stock_limit_exceeded");
  return accepted(line, stock, command.quantity);
}

function count(known: Knowledge, command: CountStock, logged: LoggedCommand): Line {
  const { stock } = known;
  const line = {
    ...lineOf(command, logged),
    quantity: command.quantity,
    asOfVersion: command.asOfVersion,
    reference: command.reference,
  };
  if (command.quantity < 0 || command.quantity > limits.stockMax) return refused(line, stock, "quantity_out_of_range");
  const current = stock?.quantity ?? 0;
  let countedAgainst = current;
  if (command.asOfVersion !== null) {
    const then = command.asOfVersion === stock?.version ? stock.quantity : known.stockAtVersion;
    const isPast = command.asOfVersion >= 1 && command.asOfVersion <= (stock?.version ?? 0);
    if (!isPast || then === undefined) {
      return refused(line, stock, "unknown_version");
    }
    countedAgainst = then;
  }
  const correction = command.quantity - countedAgainst;
  if (current + correction < 0) return refused(line, stock, "count_conflict");
  if (current + correction > limits.stockMax) return refused(line, stock, "stock_limit_exceeded");
  return accepted(line, stock, correction);
}

/** It takes a version, as a delivery does: whoever has an older one in memory can't commit by it (P5). */
function archiveOrRestore(
  stock: Stock | undefined,
  command: ArchiveProduct | RestoreProduct,
  logged: LoggedCommand,
): Line {
  const line = { ...lineOf(command, logged), actor: command.actor };
  if (stock === undefined) return refused(line, stock, "unknown_product");
  if (command.type === "ArchiveProduct" && stock.archived === true) return refused(line, stock, "already_archived");
  if (command.type === "RestoreProduct" && stock.archived !== true) return refused(line, stock, "not_archived");
  return accepted(line, stock, 0);
}

/** The line of a ResumeProduct that has decided `count` commands; what they did is in lines of their own (P13). */
export function resumed(stock: Stock | undefined, command: ResumeProduct, logged: LoggedCommand, count: number): Line {
  return { ...unchanged(lineOf(command, logged), stock), quantity: count };
}

/** The line of a ResumeProduct that has decided nothing. */
export function notResumed(
  stock: Stock | undefined,
  command: ResumeProduct,
  logged: LoggedCommand,
  reason: "not_parked" | "still_refused",
): Line {
  return refused(lineOf(command, logged), stock, reason);
}

function accepted(line: Line, stock: Stock | undefined, delta: number): Line {
  return { ...line, delta, stockAfter: (stock?.quantity ?? 0) + delta, version: (stock?.version ?? 0) + 1 };
}

function refused(line: Line, stock: Stock | undefined, reason: RefusalReason): Line {
  return { ...unchanged(line, stock), status: "rejected", reason };
}

function unchanged(line: Line, stock: Stock | undefined): Line {
  return { ...line, stockAfter: stock?.quantity ?? 0, version: stock?.version ?? 0 };
}

function placedLine(command: PlaceOrder, logged: LoggedCommand): Line {
  return {
    ...lineOf(command, logged),
    quantity: command.quantity,
    unitPriceCents: command.unitPriceCents,
    currency: command.currency,
    customerId: command.customerId,
    basketId: command.basketId,
    deliveryLocation: command.deliveryLocation,
  };
}

/** A line with what every command has; nothing is moved yet. */
function lineOf(command: Command, logged: LoggedCommand): Line {
  return {
    commandId: command.commandId,
    type: command.type,
    productId: command.productId,
    orderId: null,
    quantity: 0,
    status: "accepted",
    reason: null,
    delta: 0,
    stockAfter: 0,
    version: 0,
    partition: logged.partition,
    offset: logged.offset,
    revision: 1,
    unitPriceCents: null,
    currency: null,
    customerId: null,
    basketId: null,
    deliveryLocation: null,
    asOfVersion: null,
    reference: null,
    actor: null,
    fulfilment: null,
    issuedAt: command.issuedAt,
  };
}
