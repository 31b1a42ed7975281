// What the peers over HTTP have in common: the body of an order and its answers, told to Fastify so that it reads and writes them fast.
import Fastify, { type FastifyInstance } from "fastify";
import { v7 } from "uuid";
import { onStop } from "./on-stop.ts";

export type OrderBody = {
  readonly orderId?: string;
  readonly productId: string;
  readonly quantity: number;
  readonly customerId?: string;
};

/** An order as it was decided. */
export type Decided = {
  readonly orderId: string;
  readonly productId: string;
  readonly quantity: number;
  readonly status: "accepted" | "rejected";
  readonly stockAfter: number;
};

const text = { type: "string", minLength: 1, maxLength: 64 } as const;
const body = {
  type: "object",
  required: ["productId", "quantity"],
  properties: {
    orderId: { type: "string", format: "uuid" },
    productId: text,
    quantity: { type: "integer", minimum: 1, maximum: 1_000_000 },
    customerId: text,
  },
} as const;
const decided = {
  type: "object",
  properties: {
    orderId: { type: "string" },
    productId: { type: "string" },
    quantity: { type: "integer" },
    status: { type: "string" },
    stockAfter: { type: "integer" },
  },
} as const;

/** Of `POST /orders`. */
export const orderSchema = { body, response: { 200: decided, 201: decided, 202: decided, 409: decided } };

/** In the order of time, so that the index of ids grows at its end: as Tallyman's are. */
export const orderIdOf = ({ orderId }: OrderBody): string => orderId?.toLowerCase() ?? v7();

/** 201: taken now; 200: known already; 409: refused. */
export const statusOf = ({ status }: Pick<Decided, "status">, isKnown: boolean): 200 | 201 | 409 =>
  status === "rejected" ? 409 : isKnown ? 200 : 201;

/** A server with `GET /readyz`, as fast as Fastify goes: no request is logged. */
export function createOrderServer(): FastifyInstance {
  const app = Fastify({ forceCloseConnections: true, bodyLimit: 16 * 1024 * 1024 });
  app.get("/readyz", () => ({ ready: true }));
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
    if (status === undefined) console.error(error);
    return reply.send(error);
  });
  return app;
}

/** Listens on PORT, and closes the server and then the rest when it is asked to stop. */
export async function serve(app: FastifyInstance, close: () => Promise<unknown>): Promise<void> {
  onStop(async () => {
    await app.close();
    await close();
  });
  await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
}

/** One line of a batch; null: it is no order. */
export function readOrderLine(line: string): OrderBody | null {
  try {
    const order = JSON.parse(line) as Partial<Record<keyof OrderBody, unknown>>;
    const { orderId, productId, quantity, customerId } = order;
    if (orderId !== undefined && !(typeof orderId === "string" && uuid.test(orderId))) return null;
    if (customerId !== undefined && typeof customerId !== "string") return null;
    if (typeof productId !== "string" || typeof quantity !== "number") return null;
    if (!Number.isInteger(quantity) || quantity < 1 || quantity > 1_000_000) return null;
    return {
      productId,
      quantity,
      ...(orderId !== undefined && { orderId: orderId.toLowerCase() }),
      ...(customerId !== undefined && { customerId }),
    };
  } catch {
    return null;
  }
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
