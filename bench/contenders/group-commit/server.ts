// Peer (b): the group commit that one writes into one's own service, without a log. One process decides for all.
import type { FastifyReply } from "fastify";
import { Pool } from "pg";
import {
  type OrderBody,
  createOrderServer,
  orderIdOf,
  orderSchema,
  readOrderLine,
  serve,
  statusOf,
} from "../order-http.ts";
import { type Answer, createCommitter } from "./committer.ts";
import type { WantedOrder } from "./decide.ts";

/** One for the transaction; one more for what has to be read beside. */
const pool = new Pool({
  connectionString: process.env.DATABASE_URL,
  max: 2,
  options: "-c plan_cache_mode=force_generic_plan",
});
const committer = createCommitter(pool);
const app = createOrderServer();

const wantedOf = (body: OrderBody, placedAt: number): WantedOrder => ({
  orderId: orderIdOf(body),
  productId: body.productId,
  quantity: body.quantity,
  customerId: body.customerId ?? null,
  placedAt,
});
const isSame = ({ productId, quantity }: OrderBody, { decided }: NonNullable<Answer>): boolean =>
  decided.productId === productId && decided.quantity === quantity;

app.post<{ Body: OrderBody }>("/orders", { schema: orderSchema }, async ({ body }, reply: FastifyReply) => {
  const [answer] = await committer.place([wantedOf(body, Date.now())]);
  if (answer === null || answer === undefined) return reply.code(404).send({ error: "no such product" });
  if (!isSame(body, answer)) return reply.code(422).send({ error: "the id is another order's" });
  return reply.code(statusOf(answer.decided, answer.isKnown)).send(answer.decided);
});

const ndjson = "application/x-ndjson";
app.addContentTypeParser(ndjson, { parseAs: "string" }, (_request, text, done) => done(null, text));

app.post<{ Body: string }>("/orders/batch", async ({ body }, reply) => {
  const lines = body.split("\n").filter((line) => line !== "");
  const now = Date.now();
  const read = lines.map(readOrderLine);
  const answers = await committer.place(read.flatMap((order) => (order === null ? [] : [wantedOf(order, now)])));
  let at = 0;
  const results = read.map((order, index) => {
    const answer = order === null ? null : (answers[at++] ?? null);
    const isTaken = order !== null && answer !== null && isSame(order, answer);
    return lineOf(index + 1, isTaken ? answer : null);
  });
  return reply.type(ndjson).send(results.join(""));
});

function lineOf(line: number, answer: Answer): string {
  if (answer === null) return `{"line":${line},"status":"failed"}\n`;
  const { orderId, status, stockAfter } = answer.decided;
  return `{"line":${line},"orderId":"${orderId}","status":"${status}","stockAfter":${stockAfter}}\n`;
}

await serve(app, () => pool.end());
