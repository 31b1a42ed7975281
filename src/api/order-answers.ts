import type { FastifyReply } from "fastify";
import type { OrderDocument } from "../schemas/order-document.ts";
import { sendProblem } from "./plugins/error-answers.ts";
import { refusalDetail } from "./refusals.ts";
import type { Told } from "./waiters.ts";

const json = "application/json; charset=utf-8";

export function sendOrder(reply: FastifyReply, status: number, order: OrderDocument) {
  if (status !== 200) reply.header("location", `/orders/${order.orderId}`);
  return reply.code(status).header("content-type", json).send(JSON.stringify(order));
}

/** What was told of the very record at `place`; of another record with the same id, only PostgreSQL knows the content. */
export const isOwn = ({ notice }: Told, { partition, offset }: Pick<OrderDocument, "partition" | "offset">): boolean =>
  notice[5] === partition && notice[6] === offset && !isPackedSince(notice);

/** Told again, after it was packed: that is the store's to say. */
const isPackedSince = ([, status, , , , , , , revision]: Told["notice"]): boolean =>
  status === "accepted" && revision > 1;

/** The order once it is decided as `told`. The caller has checked that its own record was decided. */
export function decidedAs(pending: OrderDocument, { notice, decidedAt }: Told): OrderDocument {
  const [, status, reason, stockAfter, version, , , , revision] = notice;
  return { ...pending, revision, status, reason, stockAfter, version, decidedAt: new Date(decidedAt).toISOString() };
}

/** Answers whoever waited for the decision: 201, the problem that refused it, or 202 when there is no decision yet. */
export function sendDecision(reply: FastifyReply, order: OrderDocument) {
  const { orderId, productId, quantity, stockAfter, version, reason, decidedAt } = order;
  switch (order.status) {
    case "pending":
      return sendOrder(reply, 202, order);
    case "accepted":
      return sendOrder(reply, 201, order);
    case "rejected":
    case "cancelled": {
      const code = reason ?? "order_cancelled";
      const members = { orderId, productId, quantity, available: stockAfter, version, decidedAt };
      return sendProblem(reply, code, refusalDetail(code, quantity, stockAfter ?? 0), members);
    }
  }
}
