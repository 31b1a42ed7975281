import type { FastifyBaseLogger } from "fastify";
import type { Health } from "../ops/health.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { ApiServer } from "./api-server.ts";
import { createHttpServer } from "./http-server.ts";
import { errorAnswers } from "./plugins/error-answers.ts";
import { operations } from "./plugins/operations.ts";
import { otherMethods } from "./plugins/other-methods.ts";
import { validation } from "./plugins/validation.ts";

export type OpsServerDeps = { readonly health: Health; readonly metrics: Metrics; readonly logger: FastifyBaseLogger };

/** `/livez`, `/readyz` and `/metrics` alone: for a process that has no other business with HTTP. */
export async function buildOpsServer({ health, metrics, logger }: OpsServerDeps): Promise<ApiServer> {
  const app = createHttpServer(logger);
  await app.register(validation);
  await app.register(errorAnswers);
  await app.register(otherMethods);
  await app.register(operations, { health, metrics });
  app.finishRoutes();
  await app.ready();
  return app;
}
