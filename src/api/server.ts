import type { ApiServer } from "./api-server.ts";
import type { ApiDeps } from "./deps.ts";
import fastifyWebsocket from "@fastify/websocket";
import { limits } from "../limits.ts";
import { createHttpServer } from "./http-server.ts";
import { createOrderDoor } from "./order-door.ts";
import { admissionAtTheDoor, createRefusalNotes } from "./plugins/admission.ts";
import { asyncapi } from "./plugins/asyncapi.ts";
import { batchBody } from "./plugins/batch-body.ts";
import { errorAnswers } from "./plugins/error-answers.ts";
import { httpMetrics } from "./plugins/http-metrics.ts";
import { jsonBody } from "./plugins/json-body.ts";
import { openapi } from "./plugins/openapi.ts";
import { operations } from "./plugins/operations.ts";
import { otherMethods } from "./plugins/other-methods.ts";
import { shop } from "./plugins/shop.ts";
import { validation } from "./plugins/validation.ts";
import { addRoutes } from "./routes.ts";
import { liveRoute } from "./routes/live.ts";
import { createServices } from "./services.ts";

/**
 * The ingress, ready to listen or to be asked with `inject`. `close` answers what is under way, wakes those who wait,
 * and settles what was taken for the log; dependencies stay open.
 */
export async function buildServer(deps: ApiDeps): Promise<ApiServer> {
  const { health, logger, metrics, topics } = deps;
  const services = createServices(deps);
  const { admission } = services;
  const refused = createRefusalNotes(logger, metrics);
  const app = createHttpServer(logger, createOrderDoor({ admission, metrics, refused }));
  app.addHook("preClose", services.leave);
  app.addHook("onClose", services.close);

  await app.register(validation);
  await app.register(jsonBody);
  await app.register(batchBody);
  await app.register(errorAnswers);
  await app.register(otherMethods);
  await app.register(httpMetrics, { metrics });
  await app.register(admissionAtTheDoor, { admission, refused });
  await app.register(openapi);
  await app.register(asyncapi, { topics, ordersPartitions: services.ordersPartitions });
  await app.register(operations, { health, metrics });
  await app.register(shop);

  await app.register(fastifyWebsocket, {
    options: { maxPayload: limits.liveSocketMessageBytesMax },
    preClose: (done) => done(), // `services.leave` closes them.
  });
  addRoutes(app, services);
  // Not among the routes: a WebSocket is nothing without a server.
  liveRoute(app, services);

  app.finishRoutes();
  await app.ready();
  return app;
}
