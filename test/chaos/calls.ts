/** The HTTP calls of the clients, and what their answers mean, as docs/http.md has it. */
import type { SentCommand, Telling } from "./auditor/evidence.ts";

export type Call =
  | { readonly kind: "send"; readonly command: SentCommand; readonly namesProduct: boolean }
  | { readonly kind: "read order"; readonly id: string }
  | { readonly kind: "read product"; readonly id: string };

export type Told = Omit<Telling, "askedAt" | "toldAt">;

export type Reading = {
  /** The log has the command. */
  readonly isAcknowledged: boolean;
  /** There is nothing to cancel. */
  readonly isMoot: boolean;
  /** It need not be sent again. */
  readonly isFinal: boolean;
  readonly place: SentCommand["place"];
  readonly told: readonly Told[];
  /** What nobody should be answered; null: it is documented. */
  readonly surprise: string | null;
};

type Body = {
  readonly code?: string;
  readonly status?: string;
  readonly reason?: string | null;
  readonly orderId?: string;
  readonly commandId?: string;
  readonly unitPriceCents?: number | null;
  readonly partition?: number;
  readonly offset?: number | null;
  readonly available?: number;
  readonly stockAfter?: number | null;
  readonly version?: number | null;
};

export function requestFor(call: Call, waitSeconds: number): { path: string; init: RequestInit } {
  if (call.kind === "read order") {
    return { path: `/orders/${call.id}${waitSeconds > 0 ? `?wait=${waitSeconds}` : ""}`, init: {} };
  }
  if (call.kind === "read product") return { path: `/products/${call.id}`, init: {} };
  const { kind, id, productId, quantity, asOfVersion } = call.command;
  const prefer: Record<string, string> = waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {};
  const headers = { "content-type": "application/json", ...prefer };
  const keyed = { ...headers, "idempotency-key": id };
  const send = (path: string, method: string, sent: Record<string, string>, body: object) => ({
    path,
    init: { method, headers: sent, body: JSON.stringify(body) },
  });
  const post = (path: string, sent: Record<string, string>) => ({
    path,
    init: { method: "POST", headers: { ...prefer, ...sent } },
  });
  switch (kind) {
    case "order":
      return send("/orders", "POST", headers, { orderId: id, productId, quantity });
    case "cancel":
      return send(`/orders/${id}/cancel`, "POST", headers, call.namesProduct ? { productId } : {});
    case "pack":
      return post(`/orders/${id}/pack`, {});
    case "archive":
    case "restore":
      return post(`/products/${productId}/${kind}`, { "idempotency-key": id, "x-actor": id });
    case "delivery":
      return send(`/products/${productId}/restock`, "POST", keyed, { quantity, reference: id });
    case "count":
      return send(`/products/${productId}/stock`, "PUT", keyed, { quantity, asOfVersion, reference: id });
  }
}

const again: Reading = { isAcknowledged: false, isMoot: false, isFinal: false, place: null, told: [], surprise: null };
const final: Reading = { ...again, isFinal: true };
const acknowledged: Reading = { ...final, isAcknowledged: true };

export function readAnswer(call: Call, status: number, headers: Headers, body: unknown): Reading {
  const answer = body as Body;
  const isRetry = status === 503 && headers.get("retry-after") !== null;
  if (call.kind === "read product") return status === 200 || isRetry ? final : surprised(call, status, answer);
  if (call.kind === "read order") {
    if (status === 200) return { ...final, told: [toldByOrder(call.id, answer)] };
    if (status === 404 && answer.code === "unknown_order")
      return { ...final, told: [told("order", call.id, "unknown")] };
    return isRetry ? final : surprised(call, status, answer);
  }
  const { command } = call;
  if (isRetry) {
    const isNamed = command.kind !== "order" || answer.code !== "log_unavailable" || answer.orderId === command.id;
    return isNamed ? again : { ...again, surprise: `order ${command.id}: a 503 without its id` };
  }
  return (
    (command.kind === "order"
      ? readOrderAnswer(command.id, status, answer)
      : command.kind === "cancel" || command.kind === "pack"
        ? readSettlingAnswer(command.kind, command.id, status, answer)
        : readStockAnswer(command, status, answer)) ?? surprised(call, status, answer)
  );
}

function readOrderAnswer(id: string, status: number, answer: Body): Reading | null {
  if (status === 202 || status === 201)
    return { ...acknowledged, place: placeOf(answer), told: [toldByOrder(id, answer)] };
  if (status !== 409) return null;
  const { available = null, version = null } = answer;
  const decided = { stockAfter: available, version };
  const { code = null } = answer;
  if (code === "insufficient_stock" || code === "product_archived")
    return { ...acknowledged, told: [{ ...told("order", id, "rejected"), reason: code, ...decided }] };
  if (code === "cancelled_before_placed")
    return { ...acknowledged, told: [{ ...told("order", id, "cancelled"), reason: code, ...decided }] };
  // It was accepted, and a cancel has cancelled it since.
  return code === "order_cancelled"
    ? { ...acknowledged, told: [{ ...told("order", id, "cancelled"), ...decided }] }
    : null;
}

/** Of a cancel or a packing: what the order is, and what became of the command where it has one. */
function readSettlingAnswer(kind: "cancel" | "pack", id: string, status: number, answer: Body): Reading | null {
  const { code = "", commandId, available = null, version = null } = answer;
  if (status === 202) return { ...acknowledged, place: placeOf(answer) };
  if (status === 200) return { ...acknowledged, told: [toldByOrder(id, answer), told(kind, id, "accepted")] };
  const isUnknown = status === 404 && code === "unknown_order";
  const isStatus = settlingRefusals[kind][code];
  if (!isUnknown && (status !== 409 || isStatus === undefined)) return null;
  const order = told("order", id, isStatus ?? "unknown");
  if (commandId === undefined) return { ...final, isMoot: true, told: [order] };
  // What it was decided to be may be behind what the order is by now: an order that was not there may have come since.
  const ofCommand = { ...told(kind, id, "rejected"), reason: code, stockAfter: available, version };
  return { ...acknowledged, told: [...(isUnknown ? [] : [order]), ofCommand] };
}

/** What the order is when that is the refusal. */
const settlingRefusals: Readonly<Record<"cancel" | "pack", Readonly<Record<string, Told["status"]>>>> = {
  cancel: { order_rejected: "rejected", already_packed: "accepted" },
  pack: { order_rejected: "rejected", order_already_cancelled: "cancelled" },
};

const stockRefusals: Readonly<Partial<Record<SentCommand["kind"], readonly string[]>>> = {
  count: ["unknown_version", "count_conflict"],
  archive: ["already_archived"],
  restore: ["not_archived"],
};

function readStockAnswer({ kind, id }: SentCommand, status: number, answer: Body): Reading | null {
  if (status === 202) return { ...acknowledged, place: placeOf(answer) };
  if (status === 200) {
    const { stockAfter = null, version = null } = answer;
    return { ...acknowledged, place: placeOf(answer), told: [{ ...told(kind, id, "accepted"), stockAfter, version }] };
  }
  const { code = "", available = null, version = null } = answer;
  if (status !== 409 || !(stockRefusals[kind] ?? []).includes(code)) return null;
  return { ...acknowledged, told: [{ ...told(kind, id, "rejected"), reason: code, stockAfter: available, version }] };
}

function told(kind: Told["kind"], id: string, status: Told["status"]): Told {
  return { kind, id, status, reason: null, stockAfter: null, version: null };
}

function toldByOrder(id: string, answer: Body): Told {
  const { status, reason = null, stockAfter = null, version = null, unitPriceCents } = answer;
  const known = (["pending", "accepted", "rejected", "cancelled"] as const).find((each) => each === status);
  // A cancel that came before its order speaks of another moment than the order will.
  const isPlaceholder = unitPriceCents === null && known === "cancelled";
  return isPlaceholder
    ? told("order", id, "cancelled")
    : { kind: "order", id, status: known ?? "unknown", reason, stockAfter, version };
}

const placeOf = ({ partition, offset }: Body): SentCommand["place"] =>
  partition === undefined || offset === undefined || offset === null ? null : { partition, offset };

function surprised(call: Call, status: number, body: Body): Reading {
  const what = call.kind === "send" ? `${call.command.kind} ${call.command.id}` : `${call.kind} ${call.id}`;
  return { ...again, isFinal: call.kind !== "send", surprise: `${what}: ${status} ${JSON.stringify(body)}` };
}
