import type { FastifyReply } from "fastify";
import type { ApiServer } from "../api-server.ts";
import { submit } from "../command-answers.ts";
import type { StockCommand } from "../command-answers.ts";
import { keyedId } from "../command-ids.ts";
import type { KeyedOperation } from "../command-ids.ts";
import { waitSecondsOf } from "../prefer.ts";
import { Problem } from "../problems.ts";
import { answer as answerOf } from "../schemas/answer.ts";
import { CommandHeaders } from "../schemas/fields.ts";
import { CommandReceipt } from "../schemas/orders.ts";
import { appendProblems, bodyProblems, problemResponses } from "../schemas/problem.ts";
import { CountBody, ProductParams, RestockBody } from "../schemas/products.ts";
import type { ApiServices } from "../services.ts";

const common = { tags: ["stock"], headers: CommandHeaders, params: ProductParams };
const response = {
  200: answerOf("Decided", CommandReceipt, "Preference-Applied"),
  202: answerOf("In the log, to be decided", CommandReceipt, "Preference-Applied"),
  ...problemResponses(bodyProblems, appendProblems, [
    "unknown_product",
    "idempotency_key_reused",
    "stock_limit_exceeded",
    "store_unavailable",
  ]),
};
const restockSchema = {
  ...common,
  operationId: "restock",
  summary: "Receive a delivery: so many units more",
  description:
    "Goes through the log, like every change of a quantity. Without an `Idempotency-Key` a repeat is a new delivery.",
  body: RestockBody,
  response,
};
const countSchema = {
  ...common,
  operationId: "countStock",
  summary: "Take stock: so many units were counted",
  description:
    "Now, or with `asOfVersion` at that version of the stock, so that orders since then stay sold. Without an " +
    "`Idempotency-Key` a repeat is a new count.",
  body: CountBody,
  response: {
    ...response,
    ...problemResponses(bodyProblems, ["unknown_version", "count_conflict", "stock_limit_exceeded"]),
  },
};

/** Both go through the log: no route writes a quantity. */
export function stockCommandRoutes(app: ApiServer, services: ApiServices): void {
  const { catalogue, newCommandId, now } = services;
  const idOf = (operation: KeyedOperation, key: string | undefined): string =>
    key === undefined ? newCommandId() : keyedId(operation, key);

  app.post("/products/:id/restock", { schema: restockSchema }, async (request, reply) => {
    const { headers, params, body } = request;
    const commandId = idOf(`restock:${params.id}`, headers["idempotency-key"]);
    const { quantity, reference = null } = body;
    return answer(
      reply,
      { type: "ReceiveStock", commandId, productId: params.id, quantity, reference, issuedAt: now() },
      headers.prefer,
    );
  });

  app.put("/products/:id/stock", { schema: countSchema }, async (request, reply) => {
    const { headers, params, body } = request;
    const commandId = idOf(`count:${params.id}`, headers["idempotency-key"]);
    const { quantity, asOfVersion = null, reference = null } = body;
    return answer(
      reply,
      { type: "CountStock", commandId, productId: params.id, quantity, asOfVersion, reference, issuedAt: now() },
      headers.prefer,
    );
  });

  const answer = async (reply: FastifyReply, command: StockCommand, prefer: string | undefined) => {
    const { productId } = command;
    if ((await catalogue.find(productId)) === null) throw unknownProduct(productId);
    const seconds = waitSecondsOf(prefer);
    const { receipt, waited } = await submit(services, command, seconds, () => services.admission.leave(reply.request));
    if (waited) reply.header("preference-applied", `wait=${seconds}`);
    return reply.code(receipt.status === "accepted" ? 200 : 202).send(receipt);
  };
}

export const unknownProduct = (productId: string): Problem =>
  new Problem("unknown_product", `There is no product ${productId}.`, { members: { productId } });
