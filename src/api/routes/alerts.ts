/** Alerts of products that are low. Workers raise them (docs/decisions/076-background-work.md). */
import { limits } from "../../limits.ts";
import type { LowStockAlert } from "../../stores/low-stock-store.ts";
import type { ApiServer } from "../api-server.ts";
import { numberCursor, readNumberCursor } from "../cursors.ts";
import { Problem } from "../problems.ts";
import { Alert, AlertPage, AlertParams, ListAlertsQuery } from "../schemas/alerts.ts";
import { answer } from "../schemas/answer.ts";
import { ActorHeaders, actorOf } from "../schemas/fields.ts";
import { problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";

const tags = ["alerts"];
const listSchema = {
  operationId: "listAlerts",
  tags,
  summary: "List alerts of products that are low, newest first",
  description:
    "One for each time that a product went from above its `lowStockAt` to it or below, a moment after it was decided; and one where it was there already when that was set.",
  querystring: ListAlertsQuery,
  response: {
    200: answer("One page", AlertPage, "Cache-Control"),
    ...problemResponses(["invalid_request", "invalid_cursor", "store_unavailable"]),
  },
};
const acknowledgeSchema = {
  operationId: "acknowledgeAlert",
  tags,
  summary: "Say that an alert is seen to",
  description: "Who says so first is kept.",
  params: AlertParams,
  headers: ActorHeaders,
  response: {
    200: answer("As it is now", Alert),
    ...problemResponses(["invalid_request", "unknown_alert", "store_unavailable"]),
  },
};

export function alertRoutes(app: ApiServer, { lowStock }: ApiServices): void {
  app.get("/alerts", { schema: listSchema }, async ({ query }, reply) => {
    const { cursor, limit = limits.pageSizeDefault, productId, acknowledged } = query;
    const listed = { productId, acknowledged: acknowledged === undefined ? undefined : String(acknowledged) };
    const before = cursor === undefined ? null : readNumberCursor(cursor, listed);
    const filter = {
      ...(productId !== undefined && { productId }),
      ...(acknowledged !== undefined && { acknowledged }),
    };
    const found = await lowStock.alerts(filter, before, limit + 1);
    const alerts = found.slice(0, limit);
    const last = alerts.at(-1);
    const next = found.length > limit && last !== undefined ? numberCursor(last.id, listed) : null;
    return reply.header("cache-control", "no-store").send({ alerts: alerts.map(alertView), next });
  });

  app.post("/alerts/:id/acknowledge", { schema: acknowledgeSchema }, async ({ params, headers }) => {
    const alertId = Number(params.id);
    const alert = await lowStock.acknowledge(alertId, actorOf(headers));
    if (alert === null) throw new Problem("unknown_alert", `There is no alert ${alertId}.`, { members: { alertId } });
    return alertView(alert);
  });
}

const alertView = ({ decidedAt, raisedAt, acknowledgedAt, ...alert }: LowStockAlert): Alert => ({
  ...alert,
  decidedAt: new Date(decidedAt).toISOString(),
  raisedAt: new Date(raisedAt).toISOString(),
  acknowledgedAt: acknowledgedAt === null ? null : new Date(acknowledgedAt).toISOString(),
});
