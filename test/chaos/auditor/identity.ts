/** One name for one command, in the books of the clients, on the topic and in the ledger. */
import type { CommandKind, Line, LogRecord, SentCommand, Telling } from "./evidence.ts";

const kinds: Readonly<Record<Line["type"], CommandKind>> = {
  PlaceOrder: "order",
  CancelOrder: "cancel",
  PackOrder: "pack",
  ReceiveStock: "delivery",
  CountStock: "count",
  ArchiveProduct: "archive",
  RestoreProduct: "restore",
};

export const nameOf = ({ kind, id }: Pick<SentCommand | Telling, "kind" | "id">): string => `${kind} ${id}`;

/** The same for a line, and for a record of the topic. */
function nameOfStored(stored: Stored): string {
  const kind = kinds[stored.type as Line["type"]] as CommandKind | undefined;
  if (kind === undefined) return `${stored.type} ${stored.commandId}`;
  return nameOf({ kind, id: sentIdOf(kind, stored) ?? stored.commandId });
}

function sentIdOf(kind: CommandKind, { orderId, reference, actor }: Stored): string | null {
  switch (kind) {
    case "order":
      return null;
    case "cancel":
    case "pack":
      return orderId;
    case "delivery":
    case "count":
      return reference;
    case "archive":
    case "restore":
      return actor;
  }
}

type Stored = {
  readonly type: string;
  readonly commandId: string;
  readonly orderId: string | null;
  readonly reference: string | null;
  readonly actor: string | null;
};

export const nameOfLine = (line: Line): string =>
  nameOfStored({
    type: line.type,
    commandId: line.command_id,
    orderId: line.order_id,
    reference: line.reference,
    actor: line.actor,
  });

export const nameOfRecord = (record: LogRecord): string => nameOfStored(record);
