/** GET /orders/:id/events and GET /products/:id/events: what becomes of an order, or of a product and its stock, as server-sent events. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { ApiServer } from "../api-server.ts";
import { normalId } from "../command-ids.ts";
import { EventStream } from "../live/event-stream.ts";
import { readPosition } from "../live/live-state.ts";
import type { LiveKind } from "../live/live-state.ts";
import { tooManySubscribers } from "../live/topics.ts";
import { headersOf } from "../schemas/answer.ts";
import { LiveHeaders } from "../schemas/live.ts";
import { OrderParams } from "../schemas/orders.ts";
import { ProductParams } from "../schemas/products.ts";
import { problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";

const eventStream = "text/event-stream";
const told = (description: string) => ({
  description,
  headers: headersOf("Cache-Control"),
  content: { [eventStream]: { schema: Type.String({ description: "As HTML's standard has it, in UTF-8" }) } },
});
const resumed =
  "Lasts until either side ends it. With `Last-Event-ID`, nothing is told that was told before; a client that comes again " +
  "by itself sends it. Whoever is slow is told the newest, not everything in between.";
const orderSchema = {
  operationId: "followOrder",
  tags: ["orders"],
  summary: "Follow an order",
  description: `The order as it is, and again whenever it changes: events \`order\`. While it is out for delivery, where its driver is too: events \`driver\`, as GET /orders/{id}/driver has it, once a second at most. ${resumed}`,
  params: OrderParams,
  headers: LiveHeaders,
  response: {
    200: told("Events"),
    ...problemResponses([
      "invalid_request",
      "unknown_order",
      "undecided",
      "too_many_subscribers",
      "store_unavailable",
      "log_unavailable",
    ]),
  },
};
const productSchema = {
  operationId: "followProduct",
  tags: ["products"],
  summary: "Follow a product and its stock",
  description: `The stock as it is, and again whenever it changes: events \`stock\`; and the same of what the product is: events \`product\`. ${resumed}`,
  params: ProductParams,
  headers: LiveHeaders,
  response: {
    200: told("Events"),
    ...problemResponses(["invalid_request", "unknown_product", "too_many_subscribers", "store_unavailable"]),
  },
};

export function liveEventRoutes(app: ApiServer, services: ApiServices): void {
  // No HEAD: what it would leave out has no end.
  const options = { exposeHeadRoute: false };
  app.get("/orders/:id/events", { schema: orderSchema, ...options }, (request, reply) =>
    follow(services, "order", normalId(request.params.id), request, reply),
  );
  app.get("/products/:id/events", { schema: productSchema, ...options }, (request, reply) =>
    follow(services, "product", request.params.id, request, reply),
  );
}

type LiveRequest = FastifyRequest & { readonly headers: { readonly "last-event-id"?: string } };

async function follow(
  { live, admission }: Pick<ApiServices, "live" | "admission">,
  kind: LiveKind,
  id: string,
  request: LiveRequest,
  reply: FastifyReply,
): Promise<void> {
  const { topics, subscribers, bounds, clock, metrics } = live;
  const place = subscribers.place("events");
  if (place === null) throw tooManySubscribers();
  const response = reply.raw;
  let stream: EventStream | undefined;
  const after = readPosition(request.headers["last-event-id"]);
  try {
    const follower = await topics.follow({ kind, id, after, wake: () => stream?.wake() });
    stream = new EventStream({ follower, place, response, bounds, clock, metrics });
  } catch (error) {
    place.free();
    throw error;
  }
  // From now on it only waits.
  admission.leave(request);
  const open = stream;
  // Not by way of reply.send: that tells the log of every client that goes.
  reply.hijack();
  if (response.destroyed) open.gone();
  response.on("close", () => open.gone());
  reply.headers({ "content-type": eventStream, "cache-control": "no-store", "x-accel-buffering": "no" });
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) response.setHeader(name, value);
  }
  open.pipe(response);
}
