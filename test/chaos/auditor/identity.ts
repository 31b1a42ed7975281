/** One name for one command, in the books of the clients, on the topic and in the ledger. */
import type { CommandKind, Line, LogRecord, SentCommand, Telling } from "./evidence.ts";

const kinds: Readonly<Record<Line["type"], CommandKind>> = {
  PlaceOrder: "order",
  CancelOrder: "cancel",
  ReceiveStock: "delivery",
  CountStock: "count",
};

export const nameOf = ({ kind, id }: Pick<SentCommand | Telling, "kind" | "id">): string => `${kind} ${id}`;

/** The same for a line, and for a record of the topic. */
export function nameOfStored(stored: {
  readonly type: string;
  readonly commandId: string;
  readonly orderId: string | null;
  readonly reference: string | null;
}): string {
  const kind = kinds[stored.type as Line["type"]] as CommandKind | undefined;
  if (kind === undefined) return `${stored.type} ${stored.commandId}`;
  const id =
    kind === "order"
      ? stored.commandId
      : kind === "cancel"
        ? (stored.orderId ?? stored.commandId)
        : (stored.reference ?? stored.commandId);
  return nameOf({ kind, id });
}

export const nameOfLine = (line: Line): string =>
  nameOfStored({
    type: line.type,
    commandId: line.command_id,
    orderId: line.order_id,
    reference: line.reference,
  });

export const nameOfRecord = (record: LogRecord): string => nameOfStored(record);
