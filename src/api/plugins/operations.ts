import fastifyPlugin from "fastify-plugin";
import type { Health } from "../../ops/health.ts";
import type { Metrics } from "../../ops/metrics.ts";
import { answer, headersOf } from "../schemas/answer.ts";
import { Alive, HealthReport, MetricsText } from "../schemas/operations.ts";
import { onlyResponses } from "../schemas/problem.ts";

export type OperationsOptions = {
  readonly health: Pick<Health, "report">;
  readonly metrics: Pick<Metrics, "registry">;
};

const tags = ["operations"];
const livezSchema = {
  operationId: "livez",
  tags,
  summary: "Whether the process answers",
  description: "Asks no other system: restart on this one only.",
  response: { 200: answer("It does", Alive), ...onlyResponses(["internal_error"]) },
};
const readyzSchema = {
  operationId: "readyz",
  tags,
  summary: "Whether it can serve, and each dependency",
  description: "As background probes last saw them.",
  response: {
    ...onlyResponses(["internal_error"]),
    200: answer("Ready", HealthReport, "Cache-Control"),
    503: answer("Not ready, or about to stop", HealthReport, "Cache-Control"),
  },
};
const metricsSchema = {
  operationId: "metrics",
  tags,
  summary: "Prometheus metrics",
  response: {
    200: {
      description: "All of this process",
      headers: headersOf(),
      content: { "text/plain": { schema: MetricsText } },
    },
    ...onlyResponses(["internal_error"]),
  },
};

/**
 * `/livez`: the process answers; it asks no other system, so that a broken database restarts nobody. `/readyz`: what the
 * background probes last saw. `/metrics`: Prometheus's text.
 */
export const operations = fastifyPlugin<OperationsOptions>((app, { health, metrics }, done) => {
  app.get("/livez", { schema: livezSchema, config: { admission: "free" } }, () => ({ status: "alive" }));
  app.get("/readyz", { schema: readyzSchema, config: { admission: "free" } }, (_request, reply) => {
    const report = health.report();
    return reply
      .code(report.ready ? 200 : 503)
      .header("cache-control", "no-store")
      .send(report);
  });
  app.get("/metrics", { schema: metricsSchema, config: { admission: "free" } }, async (_request, reply) => {
    const text = await metrics.registry.metrics();
    return reply.header("content-type", metrics.registry.contentType).send(text);
  });
  done();
});
