/** GET /live: orders, products and categories followed over one WebSocket. Its messages are in /asyncapi.json. */
import type { FastifyRequest } from "fastify";
import type { ApiServer } from "../api-server.ts";
import { LiveSocket } from "../live/live-socket.ts";
import type { Place } from "../live/subscribers.ts";
import { tooManySubscribers } from "../live/topics.ts";
import { Problem } from "../problems.ts";
import type { ApiServices } from "../services.ts";

export function liveRoute(app: ApiServer, { live }: Pick<ApiServices, "live">): void {
  const { topics, categories, subscribers, bounds, clock, metrics } = live;
  const places = new WeakMap<FastifyRequest, Place>();

  app.route({
    method: "GET",
    url: "/live",
    exposeHeadRoute: false,
    schema: { hide: true },
    // Subscribers have a bound of their own.
    config: { admission: "free" },
    preHandler: (request, _reply, next) => {
      const place = request.ws ? subscribers.place("websocket") : undefined;
      if (place === null) throw tooManySubscribers();
      if (place !== undefined) {
        places.set(request, place);
        // Whatever becomes of the handshake.
        request.raw.socket.once("close", () => place.free());
      }
      next();
    },
    handler: () => {
      throw new Problem("upgrade_required", "This is a WebSocket. Without one, follow /orders/{id}/events.", {
        headers: { upgrade: "websocket", connection: "upgrade" },
      });
    },
    wsHandler: (socket, request) => {
      const place = places.get(request);
      if (place === undefined) throw new Error("a WebSocket has a place");
      // What a client breaks is no error of ours: the connection is closed with its code.
      socket.removeAllListeners("error");
      socket.on("error", (err) => request.log.debug({ err, reqId: request.id }, "a WebSocket broke"));
      const onError = (err: unknown) => request.log.error({ err, reqId: request.id }, "/live failed");
      new LiveSocket({ socket, place, topics, categories, bounds, clock, metrics, onError });
    },
  });
}
