/**
 * Input: the arrays and JSON of `commit_group` (migrations 0002, 0004 and 0012), all in PostgreSQL's binary array format but the JSON.
 * Result: one row, `decided_at`. Raises TM001 fenced, TM002 moved, TM003 stale, 23505 for an id decided before.
 * Locks: rows of `partitions`, of `stock`, of the `ledger` lines named, then the new command ids.
 */
import type { Line } from "../../../schemas/lines.ts";
import type { DeadLetter, GroupWrite, ParkedWrite } from "../../ledger-store.ts";
import { boolArray, int4Array, int8Array, textArray, timestampArray, uuidArray } from "../binary-arrays.ts";

const types = [
  ...["int4[]", "int8[]", "int8[]", "int8[]", "int8[]"],
  ...["text[]", "int8[]", "int4[]", "int8[]"],
  ...["uuid[]", "int4[]"],
  ...["uuid[]", "text[]", "int4[]", "text[]", "int4[]", "int8[]", "int4[]", "int8[]", "int4[]", "text[]"],
  ...["text[]", "text[]", "text[]", "timestamptz[]"],
  ...["jsonb", "jsonb", "jsonb"],
  ...["int8[]", "int8[]", "jsonb"],
  "bool[]",
];

export const commitGroupSql = {
  name: "commit-group",
  text: `select commit_group(${types.map((type, index) => `$${index + 1}::${type}`).join(", ")}) as decided_at`,
};

/** Orders that were accepted or refused travel in arrays; every other line is rare and travels as JSON. */
function isPlain(line: Line): boolean {
  return line.type === "PlaceOrder" && line.status !== "cancelled" && line.fulfilment === null;
}

/** By product, as the group leaves it. Empty, where none of them is: so it is of nearly all groups, and costs nothing. */
function archivedArray(stock: GroupWrite["stock"]): Buffer {
  const isArchived = stock.map(({ after }) => after?.archived === true);
  return boolArray(isArchived.includes(true) ? isArchived : []);
}

export function commitGroupValues(group: GroupWrite): (Buffer | string | null)[] {
  const advances = group.advances.toSorted((a, b) => a.partition - b.partition);
  const stock = group.stock.toSorted((a, b) => (a.productId < b.productId ? -1 : 1));
  const touched = [
    ...group.changes.map(({ readRevision, line }) => ({ commandId: line.commandId, revision: readRevision })),
    ...group.linesRead,
  ].toSorted((a, b) => (a.commandId < b.commandId ? -1 : 1));
  const placed = group.lines.filter(isPlain);
  const others = group.lines.filter((line) => !isPlain(line));
  return [
    int4Array(advances.map((advance) => advance.partition)),
    int8Array(advances.map((advance) => advance.epoch)),
    int8Array(advances.map((advance) => advance.from)),
    int8Array(advances.map((advance) => advance.to)),
    int8Array(advances.map((advance) => advance.effectsOffset)),
    textArray(stock.map(({ productId }) => productId)),
    int8Array(stock.map(({ readVersion }) => readVersion)),
    int4Array(stock.map(({ after }) => after?.quantity ?? 0)),
    int8Array(stock.map(({ after }) => after?.version ?? 0)),
    uuidArray(touched.map(({ commandId }) => commandId)),
    int4Array(touched.map(({ revision }) => revision)),
    uuidArray(placed.map((line) => line.commandId)),
    textArray(placed.map((line) => line.productId)),
    int4Array(placed.map((line) => line.quantity)),
    textArray(placed.map((line) => line.reason)),
    int4Array(placed.map((line) => line.stockAfter)),
    int8Array(placed.map((line) => line.version)),
    int4Array(placed.map((line) => line.partition)),
    int8Array(placed.map((line) => line.offset)),
    int4Array(placed.map((line) => line.unitPriceCents ?? 0)),
    textArray(placed.map((line) => line.currency)),
    textArray(placed.map((line) => line.customerId)),
    textArray(placed.map((line) => line.basketId)),
    textArray(placed.map((line) => (line.deliveryLocation === null ? null : JSON.stringify(line.deliveryLocation)))),
    timestampArray(placed.map((line) => line.issuedAt)),
    others.length === 0 ? null : JSON.stringify(others.map(lineRow)),
    group.changes.length === 0 ? null : JSON.stringify(group.changes.map(({ line }) => lineRow(line))),
    group.deadLetters.length === 0 ? null : JSON.stringify(group.deadLetters.map(letterRow)),
    int8Array(advances.map(({ last }) => last?.offset ?? -1)),
    int8Array(advances.map(({ last }) => last?.checksum ?? -1)),
    group.parked.length === 0
      ? null
      : JSON.stringify({ products: group.parked.map(parkedRow), resumed: group.resumed }),
    archivedArray(stock),
  ];
}

function lineRow(line: Line): object {
  return {
    command_id: line.commandId,
    type: line.type,
    product_id: line.productId,
    order_id: line.orderId,
    quantity: line.quantity,
    status: line.status,
    reason: line.reason,
    delta: line.delta,
    stock_after: line.stockAfter,
    version: line.version,
    partition: line.partition,
    offset: line.offset,
    revision: line.revision,
    unit_price_cents: line.unitPriceCents,
    currency: line.currency,
    customer_id: line.customerId,
    basket_id: line.basketId,
    delivery_location: line.deliveryLocation,
    as_of_version: line.asOfVersion,
    reference: line.reference,
    actor: line.actor,
    fulfilment: line.fulfilment,
    issued_at: new Date(line.issuedAt).toISOString(),
  };
}

function letterRow(letter: DeadLetter): object {
  return {
    partition: letter.partition,
    offset: letter.offset,
    reason: letter.reason,
    record_key: letter.key?.toString("base64") ?? null,
    record_value: letter.value?.toString("base64") ?? null,
    headers: letter.headers,
    kind: letter.kind,
    product_id: letter.productId,
    command_id: letter.commandId,
    value_bytes: letter.valueBytes,
  };
}

function parkedRow({ productId, readVersion, wasParked, after, because }: ParkedWrite): object {
  return {
    product_id: productId,
    read_version: readVersion,
    was_parked: wasParked,
    is_parked: because !== null,
    quantity: after?.quantity ?? 0,
    version: after?.version ?? 0,
    is_archived: after?.archived === true,
    because,
  };
}
