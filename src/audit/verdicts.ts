/**
 * The rules, told a second time for the audit: what must become of a command, given its product's stock at that moment. It
 * shares no code with the decider. Cancels depend on their order and are judged in order-lives.ts.
 */
import { limits } from "../limits.ts";
import type { RefusalReason, Stock } from "../schemas/lines.ts";
import type { TallyLine } from "../stores/audit-store.ts";

export type Verdict = { readonly reason: RefusalReason | null; readonly delta: number };

const refusal = (reason: RefusalReason): Verdict => ({ reason, delta: 0 });
const acceptance = (delta: number): Verdict => ({ reason: null, delta });

/** Version 0: the product has no stock yet. */
export function verdictOnOrder({ quantity }: TallyLine, stock: Stock): Verdict {
  if (quantity <= 0 || quantity > limits.quantityMax) return refusal("quantity_out_of_range");
  if (stock.version === 0) return refusal("unknown_product");
  if (stock.archived === true) return refusal("product_archived");
  return stock.quantity >= quantity ? acceptance(-quantity) : refusal("insufficient_stock");
}

export function verdictOnDelivery({ quantity }: TallyLine, stock: Stock): Verdict {
  if (quantity < 0 || quantity > limits.quantityMax) return refusal("quantity_out_of_range");
  return stock.quantity + quantity <= limits.stockMax ? acceptance(quantity) : refusal("stock_limit_exceeded");
}

/** `counted` is the stock when it was counted; undefined: no such version yet. */
export function verdictOnCount({ quantity }: TallyLine, stock: Stock, counted: number | undefined): Verdict {
  if (quantity < 0 || quantity > limits.stockMax) return refusal("quantity_out_of_range");
  if (counted === undefined) return refusal("unknown_version");
  const after = stock.quantity + (quantity - counted);
  if (after < 0) return refusal("count_conflict");
  return after <= limits.stockMax ? acceptance(quantity - counted) : refusal("stock_limit_exceeded");
}

export function verdictOnArchive(stock: Stock): Verdict {
  if (stock.version === 0) return refusal("unknown_product");
  return stock.archived === true ? refusal("already_archived") : acceptance(0);
}

export function verdictOnRestore(stock: Stock): Verdict {
  if (stock.version === 0) return refusal("unknown_product");
  return stock.archived === true ? acceptance(0) : refusal("not_archived");
}

/** How the line differs from the verdict; undefined: it does not. */
export function disagreement(line: TallyLine, { reason, delta }: Verdict): string | undefined {
  if (line.reason !== reason) return `it is ${told(line.reason)}, the rules say ${told(reason)}`;
  if (line.delta !== delta) return `its delta is ${line.delta}, the rules say ${delta}`;
  return undefined;
}

const told = (reason: RefusalReason | null): string => reason ?? "accepted";

/** How status and reason differ from each other; undefined: they agree. */
export function statusFault({ type, status, reason }: TallyLine): string | undefined {
  const isEarlyCancel = reason === "cancelled_before_placed";
  if (status === "rejected" ? reason === null || isEarlyCancel : reason !== null && !isEarlyCancel) {
    return `it is ${status} for the reason ${String(reason)}`;
  }
  if (status === "cancelled" && type !== "PlaceOrder") return `a ${type} is cancelled`;
  return isEarlyCancel && status !== "cancelled" ? `it is ${status}, and cancelled before it came` : undefined;
}
