import type pg from "pg";
import { testEventType } from "../webhook-store.ts";
import type { Attempt, Delivery, EventType, Webhook, WebhookStore } from "../webhook-store.ts";
import { createQuery } from "./reads/query.ts";
import {
  changeWebhookSql,
  createWebhookSql,
  deliveriesSql,
  deliverySql,
  removeWebhookSql,
  resendDeliverySql,
  rotateSecretSql,
  testWebhookSql,
  webhooksSql,
} from "./statements/webhooks.ts";

type WebhookRow = {
  webhook_id: string;
  url: string;
  event_types: EventType[];
  description: string | null;
  created_at: Date;
  failing_since: Date | null;
  disabled_at: Date | null;
  disabled_because: string | null;
};
type DeliveryRow = {
  delivery_id: string;
  number: number;
  webhook_id: string;
  event_id: string;
  type: string;
  state: Delivery["state"];
  created_at: Date;
  settled_at: Date | null;
  attempts: Attempt[];
};

/** `pool` stays the caller's; its int8 must come as numbers, as `createPool` has it. */
export function createPostgresWebhookStore(pool: pg.Pool): WebhookStore {
  const query = createQuery(pool);
  const delivery = async (deliveryId: string): Promise<Delivery | null> =>
    (await query<DeliveryRow>(deliverySql, [deliveryId])).map(deliveryOf)[0] ?? null;
  return {
    create: async ({ id, url, eventTypes, description, secret }, webhooksMax) => {
      const values = [id, url, eventTypes, description, secret, webhooksMax];
      return (await query<WebhookRow>(createWebhookSql, values)).map(webhookOf)[0] ?? null;
    },
    list: async () => (await query<WebhookRow>(webhooksSql, [null])).map(webhookOf),
    read: async (webhookId) => (await query<WebhookRow>(webhooksSql, [webhookId])).map(webhookOf)[0] ?? null,
    change: async (webhookId, { url, eventTypes, description, isEnabled }) => {
      const hasDescription = description !== undefined;
      const values = [url ?? null, eventTypes ?? null, description ?? null, hasDescription, isEnabled ?? null];
      return (await query<WebhookRow>(changeWebhookSql, [webhookId, ...values])).map(webhookOf)[0] ?? null;
    },
    rotate: async (webhookId, secret, oldForMs) =>
      (await query<WebhookRow>(rotateSecretSql, [webhookId, secret, oldForMs])).map(webhookOf)[0] ?? null,
    remove: async (webhookId) => (await query<WebhookRow>(removeWebhookSql, [webhookId])).map(webhookOf)[0] ?? null,
    test: async (webhookId) => {
      const [made] = await query<{ delivery_id: string }>(testWebhookSql, [webhookId, testEventType]);
      return made === undefined ? null : delivery(made.delivery_id);
    },
    deliveries: async (webhookId, before, limit) =>
      (await query<DeliveryRow>(deliveriesSql, [webhookId, before, limit])).map(deliveryOf),
    resend: async (deliveryId) => {
      await query(resendDeliverySql, [deliveryId]);
      return delivery(deliveryId);
    },
  };
}

const webhookOf = (row: WebhookRow): Webhook => ({
  id: row.webhook_id,
  url: row.url,
  eventTypes: row.event_types,
  description: row.description,
  createdAt: row.created_at.getTime(),
  failingSince: row.failing_since?.getTime() ?? null,
  disabledAt: row.disabled_at?.getTime() ?? null,
  disabledBecause: row.disabled_because,
});

const deliveryOf = (row: DeliveryRow): Delivery => ({
  id: row.delivery_id,
  number: row.number,
  webhookId: row.webhook_id,
  eventId: row.event_id,
  type: row.type,
  state: row.state,
  createdAt: row.created_at.getTime(),
  settledAt: row.settled_at?.getTime() ?? null,
  attempts: row.attempts,
});
