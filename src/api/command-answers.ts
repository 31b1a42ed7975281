/**
 * The way of every command that is not an order: append it, wait if the caller wants to, answer. What was told of another
 * record with the same id (a repeated append, or a key used twice) is settled by the line in PostgreSQL.
 */
import type { Command, PlaceOrder, ResumeProduct } from "../schemas/commands.ts";
import type { StoredLine } from "../schemas/lines.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import type { Place } from "./command-log.ts";
import { isOwn } from "./order-answers.ts";
import { Problem } from "./problems.ts";
import { refusalDetail } from "./refusals.ts";
import type { CommandReceipt } from "./schemas/orders.ts";
import type { ApiServices } from "./services.ts";

/** What callers ask for over HTTP beside orders. */
export type StockCommand = Exclude<Command, PlaceOrder | ResumeProduct>;

/** What a command has come to; a refusal has become a `Problem` before. */
export type Submitted = { readonly receipt: CommandReceipt; readonly waited: boolean };

type Outcome = Pick<StoredLine, "status" | "reason" | "stockAfter" | "version" | "decidedAt">;
type Services = Pick<ApiServices, "log" | "waiters" | "finder">;

/**
 * Appends the command; with `seconds` above 0, calls `waits` and waits for its decision. Throws what the log throws, the refusal as a
 * `Problem` with the reason as its code, and `idempotency_key_reused` when the id belongs to another command.
 */
export async function submit(
  services: Services,
  command: StockCommand,
  seconds: number,
  waits: () => void,
): Promise<Submitted> {
  const waiter = seconds > 0 ? services.waiters.register(command.commandId) : null;
  try {
    const place = await services.log.append(command);
    if (waiter === null) return { receipt: receiptOf(command, place, null), waited: false };
    waits();
    const told = await waiter.until(seconds * 1000);
    const outcome =
      told !== null && isOwn(told, place)
        ? { ...outcomeOf(told.notice), decidedAt: told.decidedAt }
        : await storedOutcome(services, command);
    if (outcome !== null && outcome.reason !== null) throw refusal(command, outcome);
    return { receipt: receiptOf(command, place, outcome), waited: true };
  } finally {
    waiter?.release();
  }
}

const outcomeOf = ([, status, reason, stockAfter, version]: readonly [
  string,
  Outcome["status"],
  Outcome["reason"],
  number,
  number,
  ...unknown[],
]) => ({ status, reason, stockAfter, version });

/** Null: not decided yet, or PostgreSQL can't be asked. */
async function storedOutcome({ finder }: Services, command: StockCommand): Promise<Outcome | null> {
  const line = await finder.line(command.commandId).catch((error: unknown) => {
    if (error instanceof StoreUnavailable) return null;
    throw error;
  });
  if (line !== null && !isSame(command, line)) {
    const members = { commandId: command.commandId };
    throw new Problem("idempotency_key_reused", "The key belongs to a command with other content.", { members });
  }
  return line;
}

function isSame(command: StockCommand, line: StoredLine): boolean {
  if (command.type !== line.type || command.productId !== line.productId) return false;
  switch (command.type) {
    case "CancelOrder":
      return command.orderId === line.orderId;
    case "ReceiveStock":
      return command.quantity === line.quantity && command.reference === line.reference;
    case "CountStock":
      return (
        command.quantity === line.quantity &&
        command.reference === line.reference &&
        command.asOfVersion === line.asOfVersion
      );
    case "PackOrder":
      return command.orderId === line.orderId;
    case "ArchiveProduct":
    case "RestoreProduct":
      return true; // Who asks is not part of what is asked for.
  }
}

function refusal(command: StockCommand, { reason, stockAfter, version }: Outcome): Problem {
  const quantity = "quantity" in command ? command.quantity : 0;
  const code = reason ?? "internal_error";
  const detail = reason === null ? "" : refusalDetail(reason, quantity, stockAfter);
  const orderId = "orderId" in command ? { orderId: command.orderId } : {};
  const members = { ...orderId, commandId: command.commandId, productId: command.productId };
  return new Problem(code, detail, { members: { ...members, available: stockAfter, version } });
}

function receiptOf(command: StockCommand, place: Place, outcome: Outcome | null): CommandReceipt {
  return {
    commandId: command.commandId,
    type: command.type,
    productId: command.productId,
    orderId: "orderId" in command ? command.orderId : null,
    quantity: "quantity" in command ? command.quantity : null,
    status: outcome === null ? "pending" : "accepted",
    stockAfter: outcome?.stockAfter ?? null,
    version: outcome?.version ?? null,
    partition: place.partition,
    offset: place.offset,
    decidedAt: outcome === null ? null : new Date(outcome.decidedAt).toISOString(),
  };
}
