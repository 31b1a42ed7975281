/** POST /orders/batch: as many orders as a producer has, streamed in and their results streamed back. */
import { Readable, Transform } from "node:stream";
import type { TransformCallback } from "node:stream";
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { limits } from "../../limits.ts";
import type { ApiServer } from "../api-server.ts";
import { createBatchRun, parseLine } from "../batch-orders.ts";
import type { BatchResult, BatchRun } from "../batch-orders.ts";
import { readLines } from "../ndjson.ts";
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
      return send(reply, "application/json", JSON.stringify(await results));
    }
    if (!(body instanceof Readable))
      throw new Problem("invalid_request", `Send orders as ${ndjson}, or an array of them as application/json.`);
    const lines = readLines(body, limits.commandBodyBytesMax);
    const results = new BatchResults(run);
    const source = Readable.from(lines, { highWaterMark: 1 });
    // The answer ends early then: whoever sent the rest sends it again.
    source.on("error", (error) => results.destroy(error));
    const leave = (): void => {
      source.unpipe(results);
      results.end();
    };
    leaving.addEventListener("abort", leave, { once: true });
    results.on("close", () => {
      leaving.removeEventListener("abort", leave);
      source.destroy();
      if (leaving.aborted) request.raw.socket.destroySoon();
    });
    source.pipe(results);
    if (leaving.aborted) leave();
    return send(reply, ndjson, results);
  });
}

/**
 * Lines in, lines of results out.
 *
 * I1 Results leave in the order of the lines.
 * I2 At most `limits.batchLinesInFlightMax` lines and one piece of the body are taken and not answered; then no more is read, and
 *    neither while the reader of the results is slow.
 */
class BatchResults extends Transform {
  readonly #run: BatchRun;
  #last: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #whenRoom: (() => void) | undefined;

  constructor(run: BatchRun) {
    super({ writableObjectMode: true, readableHighWaterMark: limits.batchResultBytesMax, writableHighWaterMark: 1 });
    this.#run = run;
  }

  override _transform(
    lines: Parameters<typeof parseLine>[0][],
    _encoding: BufferEncoding,
    done: TransformCallback,
  ): void {
    this.#run.take(lines.map(parseLine)).then(
      ({ results }) => {
        this.#inFlight += lines.length;
        const answered = Promise.all([results, this.#last]).then(([some]) => this.#answer(some)); // I1
        this.#last = answered;
        answered.catch((error: unknown) => this.destroy(asError(error)));
        if (this.#inFlight < limits.batchLinesInFlightMax) done();
        else this.#whenRoom = done; // I2
      },
      (error: unknown) => done(asError(error)),
    );
  }

  override _flush(done: TransformCallback): void {
    this.#last.then(() => done(), done);
  }

  #answer(results: readonly BatchResult[]): void {
    this.#inFlight -= results.length;
    this.push(results.map((result) => `${JSON.stringify(result)}\n`).join(""));
    if (this.#inFlight >= limits.batchLinesInFlightMax) return;
    const done = this.#whenRoom;
    this.#whenRoom = undefined;
    done?.();
  }
}

function send(reply: FastifyReply, contentType: string, body: string | Readable): FastifyReply {
  return reply.header("content-type", `${contentType}; charset=utf-8`).send(body);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
