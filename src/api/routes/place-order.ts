/**
 * POST /orders: the hot path. Every check comes before the append; after it the answer is never worse than 202.
 *
 * Checks win in this order: the body's rules, two ids that differ, the id's known content, the product.
 */
import type { FastifyReply } from "fastify";
import type { PlaceOrder } from "../../schemas/commands.ts";
import { decidedOrder, pendingOrder } from "../../schemas/order-document.ts";
import type { OrderDocument } from "../../schemas/order-document.ts";
import { StoreUnavailable } from "../../stores/ledger-store.ts";
import type { ApiServer } from "../api-server.ts";
import { keyedOrderId, normalId } from "../command-ids.ts";
import { decidedAs, isOwn, sendDecision, sendOrder } from "../order-answers.ts";
import { waitSecondsOf } from "../prefer.ts";
import { Problem } from "../problems.ts";
import { isPlaceholder, sameContent } from "../same-content.ts";
import type { OwnFields } from "../same-content.ts";
import { answer as answerOf, waited } from "../schemas/answer.ts";
import { CommandHeaders } from "../schemas/fields.ts";
import { Order, PlaceOrderBody } from "../schemas/orders.ts";
import { appendProblems, bodyProblems, problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";
import type { Waiter } from "../waiters.ts";

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
    ...problemResponses(bodyProblems, appendProblems, ["conflicting_ids", "store_unavailable"]),
    // What a decision says, so that whoever waited for it is told here too that it was waited for.
    ...waited(
      problemResponses(
        ["unknown_product", "order_id_reused", "idempotency_key_reused"],
        ["insufficient_stock", "cancelled_before_placed", "order_cancelled"],
      ),
    ),
  },
};

export function placeOrderRoute(app: ApiServer, services: ApiServices): void {
  const { catalogue, finder, log, markPending, newCommandId, now, waiters } = services;

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
      if (product === null) {
        throw new Problem("unknown_product", `There is no product ${body.productId}.`, {
          members: { productId: body.productId },
        });
      }
      const command: PlaceOrder = {
        type: "PlaceOrder",
        commandId: orderId,
        ...ownFields(body),
        unitPriceCents: product.priceCents,
        currency: product.currency,
        issuedAt: now(),
      };
      log.requireRoom(command);
      // Marked before it can be decided, so that the owner finds the mark and writes the decision over it (P17).
      await markPending(pendingOrder(command, log.partitionOf(command), null));
      const { partition, offset } = await log.append(command);
      const order = pendingOrder(command, partition, offset);
      const json = JSON.stringify(order);
      if (waiter === null) return await sendOrder(reply, 202, order, json);
      return await answer(reply, order, waiter, seconds, reused);
    } finally {
      waiter?.release();
    }
  });

  /** Waits for the decision of a pending order, if the caller wants to, and answers. */
  const answer = async (
    reply: FastifyReply,
    pending: OrderDocument,
    waiter: Waiter | null,
    seconds: number,
    reused: ReusedCode,
  ) => {
    if (waiter === null) return sendOrder(reply, 202, pending);
    reply.header("preference-applied", `wait=${seconds}`);
    const told = await waiter.until(seconds * 1000);
    if (told !== null && isOwn(told, pending)) return sendDecision(reply, decidedAs(pending, told));
    // No answer, or one about another record with this id (a repeated append, or somebody else's order): PostgreSQL knows.
    const line = await finder.line(pending.orderId).catch(unlessAway);
    if (line === null) return sendOrder(reply, 202, pending);
    if (line.type !== "PlaceOrder") throw reusedProblem(reused, pending.orderId);
    const stored = decidedOrder(line, line.decidedAt);
    // Its cancel came first and is all that is decided: what the order will be refused with is not known yet.
    if (isPlaceholder(stored)) return sendOrder(reply, 202, pending);
    if (!sameContent(stored, pending)) throw reusedProblem(reused, pending.orderId);
    return sendDecision(reply, stored);
  };
}

type ReusedCode = "order_id_reused" | "idempotency_key_reused";

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

function ownFields({ productId, quantity, customerId, basketId, deliveryLocation }: PlaceOrderBody): OwnFields {
  return {
    productId,
    quantity,
    customerId: customerId ?? null,
    basketId: basketId ?? null,
    deliveryLocation: deliveryLocation ? { ...deliveryLocation, address: deliveryLocation.address ?? null } : null,
  };
}

function reusedProblem(code: ReusedCode, orderId: string): Problem {
  return new Problem(code, `${orderId} has other content than this request.`, { members: { orderId } });
}

function unlessAway(error: unknown): null {
  if (error instanceof StoreUnavailable) return null;
  throw error;
}
