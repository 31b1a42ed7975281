/** What a line must say because its record says it. A decision adds to it and never changes it. */
import { createHash } from "node:crypto";
import type { LogRecord } from "../log/log.ts";
import type { CancelOrder, Command } from "../schemas/commands.ts";
import type { Line } from "../schemas/lines.ts";
import type { KeptRecord } from "../stores/audit-store.ts";

type Content = Partial<Omit<Line, "commandId">>;

const nothing = {
  orderId: null,
  unitPriceCents: null,
  currency: null,
  customerId: null,
  basketId: null,
  deliveryLocation: null,
  asOfVersion: null,
  reference: null,
  actor: null,
  fulfilment: null,
} as const satisfies Content;

function contentOf(command: Command): Content {
  const { type, productId, issuedAt } = command;
  const common = { ...nothing, type, productId, issuedAt };
  switch (command.type) {
    case "PlaceOrder": {
      const { quantity, unitPriceCents, currency, customerId, basketId, deliveryLocation } = command;
      const { fulfilment: _judgedWithItsPacking, ...rest } = common;
      return { ...rest, quantity, unitPriceCents, currency, customerId, basketId, deliveryLocation };
    }
    case "CancelOrder":
      // Its units are the order's: judged with the order.
      return { ...common, orderId: command.orderId };
    case "ReceiveStock":
      return { ...common, quantity: command.quantity, reference: command.reference };
    case "CountStock":
      return {
        ...common,
        quantity: command.quantity,
        asOfVersion: command.asOfVersion,
        reference: command.reference,
      };
    case "ResumeProduct":
      // How many it decided is judged with them.
      return common;
    case "ArchiveProduct":
    case "RestoreProduct":
      return { ...common, quantity: 0, actor: command.actor };
    case "PackOrder":
      // Its units are the order's: judged with the order.
      return { ...common, orderId: command.orderId, actor: command.actor };
  }
}

/** The fields in which the line is not what its record says, each as "field is x, the record says y". */
export function contentDifferences(command: Command, line: Line): string[] {
  // A line changes once at most: an order that is cancelled or packed, or that comes after its cancel.
  const hasChanged = line.status === "cancelled" || line.fulfilment !== null;
  return differences(line, { ...contentOf(command), revision: hasChanged ? 2 : 1 });
}

type EarlyCancel = Pick<CancelOrder, "orderId" | "productId" | "issuedAt">;

/** A cancel that came before its order has a second line beside its own: the order, without content. */
export function isTombstoneOf(cancel: Pick<EarlyCancel, "orderId">, line: Line): boolean {
  return line.commandId === cancel.orderId && line.reason === "cancelled_before_placed";
}

/** The same of an order that has not come, at the place of the cancel that came before it. */
export function tombstoneDifferences(cancel: EarlyCancel, line: Line): string[] {
  const { productId, issuedAt } = cancel;
  return differences(line, { ...nothing, type: "PlaceOrder", productId, issuedAt, quantity: 0, revision: 1 });
}

function differences(line: Line, content: Content): string[] {
  return Object.entries(content).flatMap(([field, wanted]) => {
    const found: unknown = Reflect.get(line, field);
    return isSame(found, wanted) ? [] : [`${field} is ${shown(found)}, the record says ${shown(wanted)}`];
  });
}

/** How a dead letter differs from its record. `command` is what the record says, if it can be read. */
export function keptDifferences(kept: KeptRecord, record: LogRecord, command: Command | undefined): string[] {
  if (kept.kind !== "undecodable") {
    if (command === undefined || kept.commandId === command.commandId) return [];
    return [`the dead letter is of ${String(kept.commandId)}, the record of ${command.commandId}`];
  }
  const { key, value } = record;
  const isSameKey = kept.keyDigest === digestOf(key, key?.length ?? 0);
  const isSameValue = kept.valueDigest === digestOf(value, kept.keptBytes) && kept.valueBytes === (value?.length ?? 0);
  return [
    ...(isSameKey ? [] : ["the dead letter's key is not the record's"]),
    ...(isSameValue ? [] : ["the dead letter's value is not the record's"]),
  ];
}

/** Of the beginning: a dead letter keeps no more of a very long value. */
function digestOf(bytes: Buffer | null, length: number): string | null {
  return bytes === null ? null : createHash("sha256").update(bytes.subarray(0, length)).digest("hex");
}

/** By value; objects are flat, and their fields may be in any order. */
export function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return one === other;
  const [fields, others] = [Object.entries(one), Object.entries(other)];
  return fields.length === others.length && others.every(([name, value]) => Reflect.get(one, name) === value);
}

export function shown(value: unknown): string {
  const text = value === undefined ? "missing" : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
