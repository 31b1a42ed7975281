import { Type } from "typebox";
import type { ApiServer } from "../api-server.ts";
import { submit } from "../command-answers.ts";
import { normalId, packId } from "../command-ids.ts";
import { sendOrder } from "../order-answers.ts";
import { waitSecondsOf } from "../prefer.ts";
import { Problem } from "../problems.ts";
import { refusalDetail } from "../refusals.ts";
import { answer } from "../schemas/answer.ts";
import { ActorHeaders, actorOf, PreferHeaders } from "../schemas/fields.ts";
import { CommandReceipt, Order, OrderParams } from "../schemas/orders.ts";
import { appendProblems, problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";
import { undecidedOrder, unknownOrder } from "./read-order.ts";

const schema = {
  operationId: "packOrder",
  tags: ["fulfilment"],
  summary: "Pack an order, so that it can't be cancelled any more",
  description:
    "Goes through the log, like a cancel: whichever of the two is decided first wins. Packing twice answers like once. Takes no units.",
  headers: Type.Object({ ...PreferHeaders.properties, ...ActorHeaders.properties }),
  params: OrderParams,
  response: {
    200: answer("The order is packed", Order, "Preference-Applied"),
    202: answer("In the log, to be decided", CommandReceipt, "Location", "Preference-Applied"),
    ...problemResponses(appendProblems, [
      "invalid_request",
      "unknown_order",
      "unknown_product",
      "undecided",
      "order_rejected",
      "order_already_cancelled",
      "product_mismatch",
      "not_an_order",
      "store_unavailable",
      // The command's id follows from the order's, and a producer on Kafka may have used it.
      "idempotency_key_reused",
    ]),
  },
};

export function packOrderRoute(app: ApiServer, services: ApiServices): void {
  const { finder, tracking, now } = services;

  app.post("/orders/:id/pack", { schema }, async (request, reply) => {
    const orderId = normalId(request.params.id);
    const seconds = waitSecondsOf(request.headers.prefer);
    const found = await finder.find(orderId);
    if (found.kind !== "known") throw found.kind === "unknown" ? unknownOrder(orderId) : undecidedOrder(orderId);
    const { status, fulfilment, productId } = found.order;
    if (fulfilment !== null) return sendOrder(reply, 200, await tracking.told(found.order));
    if (status === "rejected") throw refused("order_rejected", orderId);
    if (status === "cancelled") throw refused("order_already_cancelled", orderId);

    const command = {
      ...({ type: "PackOrder", commandId: packId(orderId), productId, orderId } as const),
      ...{ actor: actorOf(request.headers), issuedAt: now() },
    };
    const { receipt, waited } = await submit(services, command, seconds, () => services.admission.leave(request)).catch(
      (error: unknown) => {
        if (error instanceof Problem && error.code === "already_packed") return { receipt: null, waited: true };
        throw error;
      },
    );
    if (waited) reply.header("preference-applied", `wait=${seconds}`);
    if (receipt?.status === "pending") return reply.code(202).header("location", `/orders/${orderId}`).send(receipt);
    // The feed tells of the packing; what the order has become is in PostgreSQL.
    const packed = await finder.decided(orderId);
    if (packed === null) throw undecidedOrder(orderId);
    return sendOrder(reply, 200, await tracking.told(packed));
  });
}

const refused = (code: "order_already_cancelled" | "order_rejected", orderId: string): Problem =>
  new Problem(code, refusalDetail(code, 0, 0), { members: { orderId } });
