import fastifyPlugin from "fastify-plugin";
import type { Metrics } from "../../ops/metrics.ts";

type Series = { readonly count: { inc(): void }; readonly seconds: { observe(value: number): void } };

/**
 * Counts and times every answer by route pattern. The series of a route and status is looked up once and kept: finding one
 * by its labels costs more than counting.
 */
export const httpMetrics = fastifyPlugin<{ readonly metrics: Pick<Metrics, "httpRequests" | "httpSeconds"> }>(
  (app, { metrics }, done) => {
    const byRoute = new WeakMap<object, Map<number, Series>>();
    app.addHook("onResponse", (request, reply, next) => {
      const { routeOptions } = request;
      const statuses = byRoute.get(routeOptions.config) ?? new Map<number, Series>();
      byRoute.set(routeOptions.config, statuses);
      let series = statuses.get(reply.statusCode);
      if (series === undefined) {
        const [method, route] = [request.method, routeOptions.url ?? "none"];
        series = {
          count: metrics.httpRequests.labels(method, route, String(reply.statusCode)),
          seconds: metrics.httpSeconds.labels(method, route),
        };
        statuses.set(reply.statusCode, series);
      }
      series.count.inc();
      series.seconds.observe(reply.elapsedTime / 1000);
      next();
    });
    done();
  },
);
