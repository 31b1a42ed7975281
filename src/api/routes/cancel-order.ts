import type { OrderDocument } from "../../schemas/order-document.ts";
import type { ApiServer } from "../api-server.ts";
import { submit } from "../command-answers.ts";
import { cancelId, normalId } from "../command-ids.ts";
import { sendOrder } from "../order-answers.ts";
import { waitSecondsOf } from "../prefer.ts";
import { Problem } from "../problems.ts";
import { refusalDetail } from "../refusals.ts";
import { answer } from "../schemas/answer.ts";
import { PreferHeaders } from "../schemas/fields.ts";
import { CancelBody, CommandReceipt, Order, OrderParams } from "../schemas/orders.ts";
import { appendProblems, bodyProblems, problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";
import { undecidedOrder, unknownOrder } from "./read-order.ts";

const schema = {
  operationId: "cancelOrder",
  tags: ["orders"],
  summary: "Cancel an order",
  description:
    "Gives back what an accepted order took. Cancelling twice answers like once. With a `productId`, an order that is not " +
    "known yet can be cancelled before it arrives.",
  headers: PreferHeaders,
  params: OrderParams,
  body: CancelBody,
  response: {
    200: answer("The order is cancelled", Order, "Preference-Applied"),
    202: answer("In the log, to be decided", CommandReceipt, "Location", "Preference-Applied"),
    ...problemResponses(bodyProblems, appendProblems, [
      "unknown_order",
      "unknown_product",
      "undecided",
      "product_mismatch",
      "order_rejected",
      "already_packed",
      "not_an_order",
      "stock_limit_exceeded",
      "store_unavailable",
      // The cancel's id follows from the order's, and a producer on Kafka may have used it.
      "idempotency_key_reused",
    ]),
  },
};

export function cancelOrderRoute(app: ApiServer, services: ApiServices): void {
  const { catalogue, finder, now } = services;

  /** The order as far as it is known; null: unknown here, but the caller names a product of ours. Throws otherwise. */
  const orderToCancel = async (orderId: string, productId: string | null): Promise<OrderDocument | null> => {
    if (productId === null) {
      const found = await finder.find(orderId);
      if (found.kind === "known") return found.order;
      throw found.kind === "unknown" ? unknownOrder(orderId) : undecidedOrder(orderId);
    }
    // Where the order can't be read, the product named can't be checked, and a wrong one would be refused for ever: no guess.
    const known = await finder.known(orderId);
    if (known !== null || (await catalogue.find(productId)) !== null) return known;
    throw new Problem("unknown_product", `There is no product ${productId}.`, { members: { productId } });
  };

  app.post("/orders/:id/cancel", { schema }, async (request, reply) => {
    const orderId = normalId(request.params.id);
    const named = request.body?.productId ?? null;
    const seconds = waitSecondsOf(request.headers.prefer);
    const order = await orderToCancel(orderId, named);
    const productId = order?.productId ?? named ?? "";
    if (named !== null && named !== productId) throw refused("product_mismatch", orderId);
    if (order?.status === "cancelled") return sendOrder(reply, 200, order);
    if (order?.status === "rejected") throw refused("order_rejected", orderId);
    if (order !== null && order.fulfilment !== null) throw refused("already_packed", orderId);

    const command = { type: "CancelOrder", commandId: cancelId(orderId), productId, orderId, issuedAt: now() } as const;
    const { receipt, waited } = await submit(services, command, seconds, () => services.admission.leave(request)).catch(
      (error: unknown) => {
        if (error instanceof Problem && error.code === "order_already_cancelled")
          return { receipt: null, waited: true };
        throw error;
      },
    );
    if (waited) reply.header("preference-applied", `wait=${seconds}`);
    if (receipt?.status === "pending") return reply.code(202).header("location", `/orders/${orderId}`).send(receipt);
    // The feed tells of the cancel; what the order has become is in PostgreSQL.
    const cancelled = await finder.decided(orderId);
    if (cancelled === null) throw undecidedOrder(orderId);
    return sendOrder(reply, 200, cancelled);
  });
}

const refused = (code: "product_mismatch" | "order_rejected" | "already_packed", orderId: string): Problem =>
  new Problem(code, refusalDetail(code, 0, 0), { members: { orderId } });
