/** What became of the events that webhooks are told of, and doing it again. */
import { limits } from "../../limits.ts";
import type { Delivery as StoredDelivery } from "../../stores/webhook-store.ts";
import type { ApiServer } from "../api-server.ts";
import { numberCursor, readNumberCursor } from "../cursors.ts";
import { Problem } from "../problems.ts";
import { answer } from "../schemas/answer.ts";
import { problemResponses } from "../schemas/problem.ts";
import { Delivery, DeliveryPage, DeliveryParams, ListDeliveriesQuery, WebhookParams } from "../schemas/webhooks.ts";
import type { ApiServices } from "../services.ts";
import { known, unknownWebhook } from "./webhooks.ts";

const tags = ["webhooks"];
const testSchema = {
  operationId: "testWebhook",
  tags,
  summary: "Send a webhook an event of its own, `webhook.test`",
  description: "It is sent a moment later; what became of it is in the webhook's deliveries.",
  params: WebhookParams,
  response: {
    202: answer("To be sent", Delivery),
    ...problemResponses(["invalid_request", "unknown_webhook", "webhook_disabled", "store_unavailable"]),
  },
};
const listSchema = {
  operationId: "listWebhookDeliveries",
  tags,
  summary: "List what a webhook was sent, with each attempt, newest first",
  params: WebhookParams,
  querystring: ListDeliveriesQuery,
  response: {
    200: answer("One page", DeliveryPage, "Cache-Control"),
    ...problemResponses(["invalid_request", "invalid_cursor", "unknown_webhook", "store_unavailable"]),
  },
};
const resendSchema = {
  operationId: "resendWebhookDelivery",
  tags,
  summary: "Send an event once more",
  description: "Under the same `webhook-id`, as often as a new one. One that is still to be sent stays as it is.",
  params: DeliveryParams,
  response: {
    202: answer("To be sent", Delivery),
    ...problemResponses(["invalid_request", "unknown_delivery", "webhook_disabled", "store_unavailable"]),
  },
};

export function webhookDeliveryRoutes(app: ApiServer, { webhooks }: ApiServices): void {
  app.post("/webhooks/:id/test", { schema: testSchema }, async ({ params: { id } }, reply) => {
    refuseDisabled(known(await webhooks.read(id), id).disabledAt, id);
    const delivery = await webhooks.test(id);
    if (delivery === null) throw unknownWebhook(id);
    return reply.code(202).send(deliveryView(delivery));
  });

  app.get("/webhooks/:id/deliveries", { schema: listSchema }, async ({ params: { id }, query }, reply) => {
    const { cursor, limit = limits.pageSizeDefault } = query;
    const before = cursor === undefined ? null : readNumberCursor(cursor, { id });
    known(await webhooks.read(id), id);
    const found = await webhooks.deliveries(id, before, limit + 1);
    const deliveries = found.slice(0, limit);
    const last = deliveries.at(-1);
    const next = found.length > limit && last !== undefined ? numberCursor(last.number, { id }) : null;
    return reply.header("cache-control", "no-store").send({ deliveries: deliveries.map(deliveryView), next });
  });

  app.post("/webhooks/deliveries/:id/resend", { schema: resendSchema }, async ({ params: { id } }, reply) => {
    const delivery = await webhooks.resend(id);
    if (delivery === null) {
      throw new Problem("unknown_delivery", `There is no delivery ${id}.`, { members: { deliveryId: id } });
    }
    const { webhookId } = delivery;
    refuseDisabled((await webhooks.read(webhookId))?.disabledAt ?? null, webhookId);
    return reply.code(202).send(deliveryView(delivery));
  });
}

function refuseDisabled(disabledAt: number | null, webhookId: string): void {
  if (disabledAt === null) return;
  throw new Problem("webhook_disabled", "Enable the webhook first.", { members: { webhookId } });
}

function deliveryView({
  number: _,
  type: event,
  createdAt,
  settledAt,
  attempts,
  ...delivery
}: StoredDelivery): Delivery {
  return {
    ...delivery,
    event,
    createdAt: new Date(createdAt).toISOString(),
    settledAt: settledAt === null ? null : new Date(settledAt).toISOString(),
    attempts: attempts.map(({ at, ...attempt }) => ({ at: new Date(at).toISOString(), ...attempt })),
  };
}
