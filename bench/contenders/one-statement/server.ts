// Peer (a): one statement for each order. The database decides, and an order is answered when that is committed.
import { DatabaseError, Pool } from "pg";
import {
  type Decided,
  type OrderBody,
  createOrderServer,
  orderIdOf,
  orderSchema,
  serve,
  statusOf,
} from "../order-http.ts";
import { placeOrderSql, readOrderSql } from "./place-order.ts";

/** PostgreSQL's unique_violation. */
const known = "23505";

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: Number(process.env.CONNECTIONS) });
const app = createOrderServer();

type PlacedRow = { status: Decided["status"]; stock_after: number };
type OrderRow = PlacedRow & { product_id: string; quantity: number };

app.post<{ Body: OrderBody }>("/orders", { schema: orderSchema }, async ({ body }, reply) => {
  const orderId = orderIdOf(body);
  const { productId, quantity } = body;
  try {
    const { rows } = await pool.query<PlacedRow>({
      ...placeOrderSql,
      values: [orderId, productId, quantity, body.customerId ?? null, new Date()],
    });
    const [row] = rows;
    if (row === undefined) return await reply.code(404).send({ error: "no such product" });
    const { status, stock_after: stockAfter } = row;
    return await reply.code(statusOf(row, false)).send({ orderId, productId, quantity, status, stockAfter });
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== known) throw error;
    return await answerKnown(orderId);
  }

  async function answerKnown(id: string) {
    const { rows } = await pool.query<OrderRow>({ ...readOrderSql, values: [id] });
    const [row] = rows;
    if (row === undefined) throw new Error(`The order ${id} is known, and is not there.`);
    const { status, stock_after: stockAfter } = row;
    const isSame = row.product_id === productId && row.quantity === quantity;
    if (!isSame) return reply.code(422).send({ error: "the id is another order's" });
    return reply.code(statusOf(row, true)).send({ orderId: id, productId, quantity, status, stockAfter });
  }
});

await serve(app, () => pool.end());
