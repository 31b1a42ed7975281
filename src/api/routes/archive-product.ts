import type { ApiServer } from "../api-server.ts";
import { submit } from "../command-answers.ts";
import { keyedId } from "../command-ids.ts";
import { waitSecondsOf } from "../prefer.ts";
import { answer } from "../schemas/answer.ts";
import { ActorHeaders, actorOf, CommandHeaders } from "../schemas/fields.ts";
import { Type } from "typebox";
import { CommandReceipt } from "../schemas/orders.ts";
import { appendProblems, problemResponses } from "../schemas/problem.ts";
import { ProductParams } from "../schemas/products.ts";
import type { ApiServices } from "../services.ts";
import { unknownProduct } from "./stock-commands.ts";

const common = {
  tags: ["products"],
  headers: Type.Object({ ...CommandHeaders.properties, ...ActorHeaders.properties }),
  params: ProductParams,
};
const response = {
  200: answer("Decided", CommandReceipt, "Preference-Applied"),
  202: answer("In the log, to be decided", CommandReceipt, "Preference-Applied"),
  ...problemResponses(appendProblems, [
    "invalid_request",
    "unknown_product",
    "idempotency_key_reused",
    "store_unavailable",
  ]),
};
const archiveSchema = {
  ...common,
  operationId: "archiveProduct",
  summary: "Archive a product: its orders are refused from now on",
  description:
    "Goes through the log, in order with the product's orders: what was acknowledged before is decided as ever, what comes later " +
    "is refused with `product_archived`. Deliveries, stocktakes and cancels go on. Without an `Idempotency-Key` a repeat is " +
    "refused with `already_archived`.",
  response: { ...response, ...problemResponses(["already_archived"]) },
};
const restoreSchema = {
  ...common,
  operationId: "restoreProduct",
  summary: "Restore a product that was archived",
  description:
    "Goes through the log like archiving: orders that come later are decided by the stock again. Without an `Idempotency-Key` a " +
    "repeat is refused with `not_archived`.",
  response: { ...response, ...problemResponses(["not_archived"]) },
};

/** Both go through the log: which orders come before and which after is decided there, and nowhere else. */
export function archiveProductRoutes(app: ApiServer, services: ApiServices): void {
  const { catalogue, newCommandId, now } = services;
  const routes = [
    { type: "ArchiveProduct", operation: "archive", schema: archiveSchema },
    { type: "RestoreProduct", operation: "restore", schema: restoreSchema },
  ] as const;

  for (const { type, operation, schema } of routes) {
    app.post(`/products/:id/${operation}`, { schema }, async (request, reply) => {
      const { headers } = request;
      const productId = request.params.id;
      const key = headers["idempotency-key"];
      const commandId = key === undefined ? newCommandId() : keyedId(`${operation}:${productId}`, key);
      if ((await catalogue.find(productId)) === null) throw unknownProduct(productId);
      const seconds = waitSecondsOf(headers.prefer);
      const command = { type, commandId, productId, actor: actorOf(headers), issuedAt: now() };
      const { receipt, waited } = await submit(services, command, seconds, () => services.admission.leave(request));
      if (waited) reply.header("preference-applied", `wait=${seconds}`);
      catalogue.forget(productId);
      return reply.code(receipt.status === "accepted" ? 200 : 202).send(receipt);
    });
  }
}
