// What HTTP alone costs: the body is read and checked, an id made and the answer written, and nothing is stored.
import { type OrderBody, createOrderServer, orderIdOf, orderSchema, serve } from "../order-http.ts";

let answered = 0;
const app = createOrderServer();
app.get("/answered", () => ({ answered }));
app.post<{ Body: OrderBody }>("/orders", { schema: orderSchema }, ({ body }, reply) => {
  const { productId, quantity } = body;
  answered += 1;
  return reply.code(202).send({ orderId: orderIdOf(body), productId, quantity, status: "pending", stockAfter: 0 });
});
await serve(app, () => Promise.resolve());
