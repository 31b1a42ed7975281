/** POST /orders/batch: as many orders as a producer has, streamed in and their results streamed back. */
import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { limits } from "../../limits.ts";
import type { ApiServer } from "../api-server.ts";
import { createBatchRun, parseLine } from "../batch-orders.ts";
import type { BatchResult } from "../batch-orders.ts";
import { answerLines, sendNdjson } from "../line-answers.ts";
import type { InputLine } from "../ndjson.ts";
import { ndjson } from "../plugins/batch-body.ts";
import { Problem } from "../problems.ts";
import { waitSecondsOf } from "../prefer.ts";
import { headersOf } from "../schemas/answer.ts";
import { BatchResult as BatchResultSchema } from "../schemas/batch.ts";
import { CommandHeaders, exampleIds } from "../schemas/fields.ts";
import { bodyProblems, problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";

const line = Type.Unknown({ description: "An order a line, as POST /orders takes them, in UTF-8; gzip is understood" });
const schema = {
  operationId: "placeOrders",
  tags: ["orders"],
  summary: "Place many orders",
  description:
    "A line for each order, and a line of result for each, in the same order, as soon as its orders are safe in the log; with " +
    "`Prefer: wait=5` when they are decided. A line that is refused spoils no other. The orders of a product are decided in the " +
    "order of their lines. Read while you write: the body is read no faster than its results are. Sent again, it is the same " +
    "orders: by their order ids, or by the Idempotency-Key and the line's number. An array of orders is answered by an array.",
  headers: CommandHeaders,
  body: {
    content: {
      [ndjson]: { schema: line },
      "application/json": {
        schema: Type.Array(Type.Unknown(), {
          maxItems: limits.batchArrayOrdersMax,
          description: "The same as an array",
          examples: [[{ orderId: exampleIds.order, productId: exampleIds.product, quantity: 3 }]],
        }),
      },
    },
  },
  response: {
    200: {
      description: "What became of each",
      headers: headersOf("Preference-Applied"),
      content: {
        [ndjson]: { schema: BatchResultSchema },
        "application/json": { schema: Type.Array(BatchResultSchema) },
      },
    },
    ...problemResponses(bodyProblems),
  },
};

export function placeBatchRoute(app: ApiServer, services: ApiServices): void {
  const { leaving } = services;
  const config = { streamsBody: true, admission: "batches" } as const;
  app.post("/orders/batch", { schema, config, bodyLimit: limits.batchArrayBytesMax }, async (request, reply) => {
    const { headers } = request;
    const waitSeconds = waitSecondsOf(headers.prefer);
    const idempotencyKey = headers["idempotency-key"];
    const run = createBatchRun(services, { idempotencyKey, waitSeconds, logger: request.log });
    if (waitSeconds > 0) reply.header("preference-applied", `wait=${waitSeconds}`);
    const body: unknown = request.body;
    if (Array.isArray(body)) {
      const { results } = await run.take(body.map((value: unknown, index) => ({ number: index + 1, value })));
      return sendJson(reply, await results);
    }
    if (!(body instanceof Readable))
      throw new Problem("invalid_request", `Send orders as ${ndjson}, or an array of them as application/json.`);
    const take = (lines: readonly InputLine[]) => run.take(lines.map(parseLine));
    return sendNdjson(reply, answerLines({ body, take, leaving, socket: request.raw.socket }));
  });
}

function sendJson(reply: FastifyReply, results: readonly BatchResult[]): FastifyReply {
  return reply.header("content-type", "application/json; charset=utf-8").send(JSON.stringify(results));
}
