import fastifyPlugin from "fastify-plugin";
import type { Health } from "../../ops/health.ts";
import type { Metrics } from "../../ops/metrics.ts";

export type OperationsOptions = {
  readonly health: Pick<Health, "report">;
  readonly metrics: Pick<Metrics, "registry">;
};

/**
 * `/livez`: the process answers; it asks no other system, so that a broken database restarts nobody. `/readyz`: what the
 * background probes last saw. `/metrics`: Prometheus's text.
 */
export const operations = fastifyPlugin<OperationsOptions>((app, { health, metrics }, done) => {
  const schema = { tags: ["operations"] };
  app.get("/livez", { schema: { ...schema, summary: "Whether the process answers" } }, () => ({ status: "alive" }));
  app.get(
    "/readyz",
    { schema: { ...schema, summary: "Whether it can serve, and each dependency" } },
    (_request, reply) => {
      const report = health.report();
      return reply
        .code(report.ready ? 200 : 503)
        .header("cache-control", "no-store")
        .send(report);
    },
  );
  app.get("/metrics", { schema: { ...schema, summary: "Prometheus metrics" } }, async (_request, reply) => {
    const text = await metrics.registry.metrics();
    return reply.header("content-type", metrics.registry.contentType).send(text);
  });
  done();
});
