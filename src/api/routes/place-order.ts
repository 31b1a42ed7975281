/**
 * POST /orders: the hot path. Every check comes before the append; after it the answer is never worse than 202.
 *
 * Checks win in this order: the body's rules, two ids that differ, the id's known content, the product.
 */
import type { FastifyReply } from "fastify";
import { pendingOrder } from "../../schemas/order-document.ts";
import type { OrderDocument } from "../../schemas/order-document.ts";
import type { ApiServer } from "../api-server.ts";
import { keyedOrderId, normalId } from "../command-ids.ts";
import { sendDecision, sendOrder } from "../order-answers.ts";
import { ownFields, placeOrder, reusedProblem, unknownProduct, untilDecided } from "../order-request.ts";
import { waitSecondsOf } from "../prefer.ts";
import { Problem } from "../problems.ts";
import { isPlaceholder, sameContent } from "../same-content.ts";
import { answer as answerOf, waited } from "../schemas/answer.ts";
import { CommandHeaders } from "../schemas/fields.ts";
import { Order, PlaceOrderBody } from "../schemas/orders.ts";
import { appendProblems, bodyProblems, onlyResponses, problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";

const schema = {
  operationId: "placeOrder",
  tags: ["orders"],
  summary: "Place an order",
  description:
    "Answers 202 once the order is safe in the log: pending, not reserved. With `Prefer: wait=5`, 201 when it is " +
    "accepted, a problem when it is refused, and 202 when time runs out. The same id again is the same order.",
  headers: CommandHeaders,
  body: PlaceOrderBody,
  response: {
    201: answerOf("Accepted", Order, "Location", "Preference-Applied"),
    202: answerOf("In the log, to be decided", Order, "Location", "Preference-Applied"),
    ...problemResponses(bodyProblems, appendProblems, ["conflicting_ids", "product_busy", "store_unavailable"]),
    // What a decision says, so that whoever waited for it is told here too that it was waited for.
    ...waited(
      onlyResponses(
        ["unknown_product", "order_id_reused", "idempotency_key_reused"],
        ["product_archived", "insufficient_stock", "cancelled_before_placed", "order_cancelled"],
      ),
    ),
  },
};

export function placeOrderRoute(app: ApiServer, services: ApiServices): void {
  const { admission, catalogue, finder, log, markPending, newCommandId, now, waiters } = services;

  app.post("/orders", { schema }, async (request, reply) => {
    const { body, headers } = request;
    const given = givenId(body, headers["idempotency-key"]);
    const reused = typeof body.orderId === "string" ? "order_id_reused" : "idempotency_key_reused";
    const orderId = given ?? newCommandId();
    const seconds = waitSecondsOf(headers.prefer);
    const waiter = seconds > 0 ? waiters.register(orderId) : null;
    try {
      const known = given === null ? null : await finder.glance(orderId);
      if (known !== null && !isPlaceholder(known)) {
        if (!sameContent(known, ownFields(body))) throw reusedProblem(reused, orderId);
        if (known.status !== "pending") return await answerKnown(reply, known, seconds);
        // A mark says that somebody was about to append, not that the log has it: after a failed append this is the repeat
        // that makes it good. If the log has it already, the two count once (P1).
      }
      const product = catalogue.known(body.productId) ?? (await catalogue.find(body.productId));
      if (product === null) throw unknownProduct(body.productId);
      const command = placeOrder(orderId, body, product, now());
      log.requireRoom(command);
      // Marked before it can be decided, so that the owner finds the mark and writes the decision over it (P17).
      await markPending(pendingOrder(command, log.partitionOf(command), null));
      const { partition, offset } = await log.append(command);
      const order = pendingOrder(command, partition, offset);
      if (waiter === null) return await sendOrder(reply, 202, order);
      admission.leave(request);
      reply.header("preference-applied", `wait=${seconds}`);
      return await sendDecision(reply, await untilDecided(order, waiter, seconds * 1000, reused, finder));
    } finally {
      waiter?.release();
    }
  });
}

function answerKnown(reply: FastifyReply, known: OrderDocument, seconds: number) {
  if (seconds === 0) return sendOrder(reply, 202, known);
  reply.header("preference-applied", `wait=${seconds}`);
  return sendDecision(reply, known);
}

/** The id that the caller gave, one way or the other; null: none. */
function givenId({ orderId }: PlaceOrderBody, key: string | undefined): string | null {
  const given = typeof orderId === "string" ? normalId(orderId) : null;
  if (key === undefined) return given;
  const keyed = keyedOrderId(key);
  if (given === null || given === keyed) return keyed;
  throw new Problem("conflicting_ids", "Give an orderId or an Idempotency-Key, not both.", {
    members: { orderId: given },
  });
}
