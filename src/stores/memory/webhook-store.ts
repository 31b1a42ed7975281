/** Webhooks in memory: for the simulation and for tests of what is behind the port. Nothing is delivered. */
import { randomUUID } from "node:crypto";
import { testEventType } from "../webhook-store.ts";
import type { Delivery, Webhook, WebhookStore } from "../webhook-store.ts";

/** `deliveries` may be filled from outside, the oldest first. */
export function createMemoryWebhookStore(now: () => number, deliveries: Delivery[] = []): WebhookStore {
  const webhooks = new Map<string, Webhook>();
  const changed = (webhookId: string, change: Partial<Webhook>): Promise<Webhook | null> => {
    const webhook = webhooks.get(webhookId);
    if (webhook === undefined) return Promise.resolve(null);
    const now = { ...webhook, ...change };
    webhooks.set(webhookId, now);
    return Promise.resolve(now);
  };
  return {
    create: ({ id, url, eventTypes, description }, webhooksMax) => {
      if (webhooks.size >= webhooksMax) return Promise.resolve(null);
      const states = { failingSince: null, disabledAt: null, disabledBecause: null };
      const webhook = { id, url, eventTypes, description, createdAt: now(), ...states };
      webhooks.set(id, webhook);
      return Promise.resolve(webhook);
    },
    list: () => Promise.resolve([...webhooks.values()]),
    read: (webhookId) => Promise.resolve(webhooks.get(webhookId) ?? null),
    change: (webhookId, { isEnabled, ...change }) => {
      if (isEnabled === undefined) return changed(webhookId, change);
      const states = isEnabled
        ? { failingSince: null, disabledAt: null, disabledBecause: null }
        : { disabledAt: now(), disabledBecause: "it was asked for" };
      return changed(webhookId, { ...change, ...states });
    },
    rotate: (webhookId) => changed(webhookId, {}),
    remove: (webhookId) => {
      const webhook = webhooks.get(webhookId) ?? null;
      webhooks.delete(webhookId);
      return Promise.resolve(webhook);
    },
    test: (webhookId) => {
      if (!webhooks.has(webhookId)) return Promise.resolve(null);
      const ids = { id: randomUUID(), number: (deliveries.at(-1)?.number ?? 0) + 1, webhookId, eventId: randomUUID() };
      const states = { state: "pending", createdAt: now(), settledAt: null, attempts: [] } as const;
      const delivery = { ...ids, type: testEventType, ...states };
      deliveries.push(delivery);
      return Promise.resolve(delivery);
    },
    deliveries: (webhookId, before, limit) =>
      Promise.resolve(
        deliveries
          .filter((each) => each.webhookId === webhookId && (before === null || each.number < before))
          .toReversed()
          .slice(0, limit),
      ),
    resend: (deliveryId) => {
      const at = deliveries.findIndex(({ id }) => id === deliveryId);
      const delivery = deliveries[at];
      if (delivery === undefined) return Promise.resolve(null);
      if (webhooks.get(delivery.webhookId)?.disabledAt !== null) return Promise.resolve(delivery);
      const again = { ...delivery, state: "pending", settledAt: null } as const;
      deliveries[at] = again;
      return Promise.resolve(again);
    },
  };
}
