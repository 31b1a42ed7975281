/** The port to webhooks: who is told of events over HTTP, and what became of it. All methods reject with `StoreUnavailable` when the store is away. */

export const eventTypes = [
  "product.low_stock",
  "product.archived",
  "product.restored",
  "order.packed",
  "order.out_for_delivery",
  "order.delivered",
  "order.cancelled",
  "audit.differences",
] as const;
export type EventType = (typeof eventTypes)[number];
/** Made when somebody asks for it, for one webhook, whatever that wants. */
export const testEventType = "webhook.test";

export type Webhook = {
  readonly id: string;
  readonly url: string;
  readonly eventTypes: readonly EventType[];
  readonly description: string | null;
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number;
  /** Since when nothing was taken any more; null: the last delivery was. */
  readonly failingSince: number | null;
  /** Null: it is told of events. */
  readonly disabledAt: number | null;
  readonly disabledBecause: string | null;
};

export type NewWebhook = Pick<Webhook, "id" | "url" | "eventTypes" | "description"> & { readonly secret: string };
/** Members that are absent stay as they are. */
export type WebhookChange = Partial<Pick<Webhook, "url" | "eventTypes" | "description">> & {
  readonly isEnabled?: boolean;
};

export type Attempt = {
  readonly at: number;
  readonly durationMs: number;
  /** Of the answer; null: there was none. */
  readonly status: number | null;
  /** Null: it was taken. */
  readonly error: string | null;
  /** The beginning of the answer's body. */
  readonly answer: string | null;
};

export type Delivery = {
  readonly id: string;
  /** Grows with each delivery. */
  readonly number: number;
  readonly webhookId: string;
  /** The same for each webhook and each attempt: the header `webhook-id`. */
  readonly eventId: string;
  readonly type: string;
  readonly state: "pending" | "delivered" | "failed";
  readonly createdAt: number;
  /** When it was delivered or given up; null: neither yet. */
  readonly settledAt: number | null;
  /** In their order. */
  readonly attempts: readonly Attempt[];
};

export type WebhookStore = {
  /** Null: there are so many already. */
  create(webhook: NewWebhook, webhooksMax: number): Promise<Webhook | null>;
  /** All, the oldest first. */
  list(): Promise<Webhook[]>;
  read(webhookId: string): Promise<Webhook | null>;
  /** Null, here and below: there is no such webhook or delivery. */
  change(webhookId: string, change: WebhookChange): Promise<Webhook | null>;
  /** The secret before goes on signing, beside the new one, for `oldForMs`. */
  rotate(webhookId: string, secret: string, oldForMs: number): Promise<Webhook | null>;
  /** With its deliveries; returns what it was. */
  remove(webhookId: string): Promise<Webhook | null>;
  /** Makes a delivery of an event of its own. */
  test(webhookId: string): Promise<Delivery | null>;
  /** Newest first, those older than `before` (null: from the newest). */
  deliveries(webhookId: string, before: number | null, limit: number): Promise<Delivery[]>;
  /** Has it attempted anew, unless that is to come anyway or the webhook is disabled. */
  resend(deliveryId: string): Promise<Delivery | null>;
};

/** What is to be sent, and to whom. */
export type DueDelivery = Pick<Delivery, "id" | "webhookId" | "eventId" | "type" | "state"> & {
  readonly body: string;
  readonly url: string;
  /** The newest first; more than one while an old one goes on signing. */
  readonly secrets: readonly string[];
  readonly isEnabled: boolean;
};

/** What becomes of a delivery after an attempt: `gone` gives up the webhook too, for it said so itself. */
export type Verdict = "delivered" | "again" | "failed" | "gone";

export type DeliveryStore = {
  /** Makes deliveries of what was decided since the last time, of at most `linesMax` decisions of each partition. True: there is more. */
  tellDecisions(linesMax: number): Promise<boolean>;
  /** Puts at most `limit` deliveries into the queue that are not there yet; returns how many. */
  enqueue(limit: number): Promise<number>;
  /** Null: it is gone, with its webhook. */
  due(deliveryId: string): Promise<DueDelivery | null>;
  /**
   * Notes an attempt (null: there was none, for nothing is to be tried). A webhook of which a delivery failed, and that has taken nothing since that one's first attempt, is disabled; its
   * reason is returned. Of a delivery that is settled already nothing changes but the attempts.
   */
  record(
    deliveryId: string,
    attempt: Omit<Attempt, "at"> | null,
    verdict: Verdict,
  ): Promise<{ readonly disabledBecause: string | null }>;
  /** Disables webhooks that more than `pendingMax` deliveries wait for; returns how many. */
  disableLate(pendingMax: number): Promise<number>;
};
