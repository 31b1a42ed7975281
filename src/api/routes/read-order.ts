import type { FastifyReply } from "fastify";
import type { OrderDocument } from "../../schemas/order-document.ts";
import { StoreUnavailable } from "../../stores/ledger-store.ts";
import type { ApiServer } from "../api-server.ts";
import { normalId } from "../command-ids.ts";
import { hasAlready, orderTag, sendNotModified } from "../entity-tags.ts";
import { decidedAs, isOwn, sendOrder } from "../order-answers.ts";
import type { OrderFinder } from "../order-finder.ts";
import { Problem, retrySoon } from "../problems.ts";
import { answer, notModified } from "../schemas/answer.ts";
import { IfNoneMatchHeaders } from "../schemas/fields.ts";
import { Order, OrderParams, ReadOrderQuery } from "../schemas/orders.ts";
import { problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";
import { staleHeader } from "../stale-header.ts";

const schema = {
  operationId: "readOrder",
  tags: ["orders"],
  summary: "Read an order",
  description:
    "While it is out for delivery it names its driver; where they are is no part of it, nor of its `ETag`. With `wait`, a pending order is answered when it is decided, or when the seconds have passed; with `If-None-Match` too it is 304 then, while it is still pending.",
  params: OrderParams,
  headers: IfNoneMatchHeaders,
  querystring: ReadOrderQuery,
  response: {
    200: answer("The order", Order, "ETag", "Cache-Control", "X-Tallyman-Stale"),
    304: notModified,
    ...problemResponses(["invalid_request", "unknown_order", "undecided", "store_unavailable", "log_unavailable"]),
  },
};

export function readOrderRoute(app: ApiServer, services: ApiServices): void {
  const { admission, finder, tracking, isStoreAway, waiters } = services;

  app.get("/orders/:id", { schema }, async (request, reply) => {
    const orderId = normalId(request.params.id);
    const seconds = request.query.wait ?? 0;
    // Before the order is read: a decision between the two must not be missed.
    const waiter = seconds > 0 ? waiters.register(orderId) : null;
    try {
      const order = await requireOrder(finder, orderId);
      if (isStoreAway()) reply.header(staleHeader, "1");
      const tell = (told: OrderDocument) => sendIfOther(reply, told, request.headers["if-none-match"]);
      if (order.status !== "pending" || waiter === null) {
        return await tell(await tracking.told(order));
      }
      admission.leave(request);
      const told = await waiter.until(seconds * 1000);
      if (told !== null && isOwn(told, order)) return await tell(decidedAs(order, told));
      const stored = await finder.decided(orderId).catch((error: unknown) => {
        if (error instanceof StoreUnavailable) return null;
        throw error;
      });
      return await tell(await tracking.told(stored ?? order));
    } finally {
      waiter?.release();
    }
  });
}

/** The order, unless the caller has it as it is. */
function sendIfOther(reply: FastifyReply, order: OrderDocument, ifNoneMatch: string | undefined): FastifyReply {
  const tag = orderTag(order);
  reply.header("etag", tag).header("cache-control", "private, no-cache");
  return hasAlready(ifNoneMatch, tag) ? sendNotModified(reply) : sendOrder(reply, 200, order);
}

/** The order, or the problem that there is none to be told of. */
export async function requireOrder(finder: Pick<OrderFinder, "find">, orderId: string): Promise<OrderDocument> {
  const found = await finder.find(orderId);
  if (found.kind === "unknown") throw unknownOrder(orderId);
  if (found.kind === "undecided") throw undecidedOrder(orderId);
  return found.order;
}

export const unknownOrder = (orderId: string): Problem =>
  new Problem("unknown_order", "All that was in the log when you asked is decided, and this order is not there.", {
    members: { orderId },
  });

export const undecidedOrder = (orderId: string): Problem =>
  new Problem("undecided", "It is not known, but the log holds commands that are not decided yet. Ask again soon.", {
    members: { orderId },
    headers: retrySoon,
  });
