import { pino } from "pino";
import { buildServer } from "../../src/api/server.ts";
import { createHealth } from "../../src/ops/health.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import type { OpenApi } from "./openapi.ts";

const nobody = () => Promise.reject(new Error("the routes alone are asked about"));

/** What the api serves as /openapi.json, from the api itself, with nothing behind it. */
export async function openApiDocument(): Promise<OpenApi> {
  const app = await buildServer({
    topics: { orders: "orders", deadLetters: "orders.dead-letter", decisions: "decisions" },
    codec: {
      encode: () => Buffer.alloc(0),
      decode: () => ({ kind: "undecodable", reason: "no_value" }),
      learn: nobody,
    },
    letters: { undecided: nobody },
    appender: { append: nobody },
    inspector: { ends: nobody },
    map: { version: 1, partitionCount: 1, growth: null, changedAt: 0 },
    maps: { read: nobody },
    logAdmin: { partitionCounts: nobody },
    catalogue: {
      create: nobody,
      products: nobody,
      change: nobody,
      putAll: nobody,
      list: nobody,
      categories: nobody,
    },
    orders: { lines: nobody, stock: nobody, progress: nobody, list: nobody, listByStatus: nobody },
    fulfilments: { advance: nobody, steps: nobody },
    tracking: { tracking: nobody },
    cache: { readStock: nobody, peekStocks: nobody, refillStock: nobody, readOrder: nobody, markPending: nobody },
    drivers: {
      register: nobody,
      drivers: nobody,
      setDuty: nobody,
      assign: nobody,
      release: nobody,
      driversOf: nobody,
      list: nobody,
    },
    positions: { put: nobody, putMany: nobody, withdraw: nobody, read: nobody, nearest: nobody },
    teller: { tell: nobody },
    lowStock: { alerts: nobody, acknowledge: nobody },
    webhooks: {
      create: nobody,
      list: nobody,
      read: nobody,
      change: nobody,
      rotate: nobody,
      remove: nobody,
      test: nobody,
      deliveries: nobody,
      resend: nobody,
    },
    audits: { list: nobody },
    checkWebhookAddress: nobody,
    startFeed: () => ({ close: () => undefined }),
    health: createHealth(),
    metrics: createMetrics({ defaults: false }),
    logger: pino({ level: "silent" }),
  });
  try {
    return JSON.parse((await app.inject({ url: "/openapi.json" })).body) as OpenApi;
  } finally {
    await app.close();
  }
}
