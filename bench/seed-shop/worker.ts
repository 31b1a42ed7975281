// One web process of the shop, with the view that takes orders. The steps and their order are the author's; where the text leaves a choice,
// the one is taken that keeps the time between reading a quantity and writing the next one short.
import Fastify from "fastify";
import { DatabaseError } from "pg";
import { onStop } from "../contenders/on-stop.ts";
import { type QuantityMessage, createKafka, createPool, createRedis, quantityKey, readSettings } from "./settings.ts";

/** PostgreSQL's foreign_key_violation. */
const noSuchRow = "23503";
/** Of PostgreSQL's hundred, for each worker. */
const connections = 10;

const settings = readSettings();
const redis = createRedis(settings);
const pool = createPool(settings, connections);
const producer = createKafka(settings).producer();
await producer.connect();

type NewProduct = { id: string; name: string; quantity: number };
type NewOrder = { productId: string; quantity: number };

const text = { type: "string", minLength: 1 } as const;
const units = { type: "integer", minimum: 1, maximum: 1_000_000_000 } as const;
const bodyOf = (properties: Record<string, unknown>) => ({
  body: { type: "object", required: Object.keys(properties), properties },
});

const app = Fastify({ forceCloseConnections: true });

// "Managing products": a new one is a row with its quantity. Nothing is put into Redis here; the author has one place that does.
app.post<{ Body: NewProduct }>(
  "/products",
  { schema: bodyOf({ id: text, name: text, quantity: units }) },
  async ({ body }, reply) => {
    await pool.query({
      name: "insert-product",
      text: "insert into products (id, name, quantity) values ($1, $2, $3)",
      values: [body.id, body.name, body.quantity],
    });
    return reply.code(201).send(body);
  },
);

app.post<{ Body: NewOrder }>(
  "/orders",
  { schema: bodyOf({ productId: text, quantity: units }) },
  async ({ body }, reply) => {
    const { productId, quantity } = body;
    // The view's first step: is there enough, by Redis, and by the database where Redis does not know?
    const available = await readQuantity(productId);
    if (available === undefined) return reply.code(404).send({ error: "no such product" });
    if (available < quantity) return reply.code(409).send({ error: "not enough", available });
    // The second one: the order is created, and the quantity reduced. The reduced number is that of the object in memory: rows of
    // products are written by the consumer alone, for inventory is to be updated in the background.
    const orderId = await createOrder(productId, quantity);
    const left = available - quantity;
    // The third one: the message with the new quantity. The author's send() gives it to the client library, which sends on its own; the
    // answer does not wait, for order processing is to be fast.
    announce({ product_id: productId, new_quantity: left });
    return reply.code(201).send({ orderId, productId, quantity });
  },
);

async function readQuantity(productId: string): Promise<number | undefined> {
  const cached = await redis.get(quantityKey(productId));
  if (cached !== null) return Number(cached);
  const { rows } = await pool.query<{ quantity: number }>({
    name: "read-quantity",
    text: "select quantity from products where id = $1",
    values: [productId],
  });
  return rows[0]?.quantity;
}

async function createOrder(productId: string, quantity: number): Promise<string> {
  const { rows } = await pool.query<{ id: string }>({
    name: "insert-order",
    text: "insert into orders (product_id, quantity) values ($1, $2) returning id",
    values: [productId, quantity],
  });
  return rows[0]?.id ?? "";
}

function announce(message: QuantityMessage): void {
  producer.send({ topic: settings.topic, messages: [{ value: JSON.stringify(message) }] }).catch((error: unknown) => {
    console.error("A message was not sent:", error);
  });
}

app.setErrorHandler((error, _request, reply) => {
  if (error instanceof DatabaseError && error.code === noSuchRow)
    return reply.code(404).send({ error: "no such product" });
  console.error(error);
  return reply.send(error);
});

let ready = false;
app.get("/readyz", (_request, reply) => reply.code(ready ? 200 : 503).send({ ready }));
process.on("message", () => (ready = true)); // The only one there is: all workers listen.

onStop(async () => {
  await app.close();
  await producer.disconnect(); // Sends what it still has.
  await Promise.all([pool.end(), redis.quit()]);
});
await app.listen({ host: "127.0.0.1", port: settings.port });
