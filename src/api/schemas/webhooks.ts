import { Type } from "typebox";
import type { Static } from "typebox";
import { limits } from "../../limits.ts";
import { eventTypes } from "../../stores/webhook-store.ts";
import { Absent, Closed, exampleIds, Named, NextCursor, Nullable, PageQuery, Text, Time, Uuid } from "./fields.ts";

const Url = Type.Refine(
  Type.String({
    minLength: 1,
    maxLength: limits.webhookUrlCharsMax,
    description: "Where events are sent to: https, and an address of the public internet",
    examples: ["https://shop.example/hooks"],
  }),
  (value) => URL.canParse(value) && value.isWellFormed() && !value.includes("\0"),
  () => "must be a URL",
);
const Events = Type.Array(Type.Enum([...eventTypes]), {
  minItems: 1,
  maxItems: eventTypes.length,
  uniqueItems: true,
  description: "What it is told of",
});
const Description = Text(limits.webhookDescriptionCharsMax, "For people", 0);

export const CreateWebhookBody = Closed(
  { url: Url, events: Events, description: Absent(Description) },
  { url: "https://shop.example/hooks", events: ["product.low_stock", "order.delivered"] },
);

/** Members that are absent stay as they are. */
export const ChangeWebhookBody = Type.Refine(
  Closed(
    {
      url: Type.Optional(Url),
      events: Type.Optional(Events),
      description: Absent(Description),
      enabled: Type.Optional(
        Type.Boolean({ description: "Whether it is told of events; true also forgets why it was disabled" }),
      ),
    },
    { events: ["order.delivered"] },
  ),
  (change) => Object.keys(change).length > 0,
  () => "must change something",
);

const webhookExample = {
  id: exampleIds.webhook,
  url: "https://shop.example/hooks",
  events: ["product.low_stock", "order.delivered"],
  description: null,
  createdAt: "2026-01-31T12:00:00.000Z",
  enabled: true,
  failingSince: null,
  disabledAt: null,
  disabledBecause: null,
};
const webhookProperties = {
  id: Uuid("The webhook"),
  url: Type.String({ description: "Where events are sent to" }),
  events: Type.Array(Type.Enum([...eventTypes]), { description: "What it is told of" }),
  description: Nullable(Type.String({ description: "For people" })),
  createdAt: Time("When it was made"),
  enabled: Type.Boolean({ description: "It is told of events" }),
  failingSince: Nullable(Time("Since when it has taken nothing any more; null: it took the last one")),
  disabledAt: Nullable(Time("When it was disabled")),
  disabledBecause: Nullable(Type.String({ description: "Why, for people" })),
};
export const Webhook = Named("Webhook", webhookProperties, webhookExample);
export type Webhook = Static<typeof Webhook>;

export const WebhookWithSecret = Named(
  "WebhookWithSecret",
  { ...webhookProperties, secret: Type.String({ description: "Signs what is sent. Shown now and never again" }) },
  { ...webhookExample, secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=" },
);

export const Webhooks = Named(
  "Webhooks",
  { webhooks: Type.Array(Webhook, { description: "The oldest first" }) },
  { webhooks: [webhookExample] },
);

const attemptExample = {
  at: "2026-01-31T12:00:01.000Z",
  durationMs: 41,
  status: 503,
  error: "it answered 503",
  answer: "busy",
};
const deliveryExample = {
  id: exampleIds.delivery,
  webhookId: exampleIds.webhook,
  eventId: "0190a3b2-5c1d-7e8f-9a0b-000000000003",
  event: "order.delivered",
  state: "pending",
  createdAt: "2026-01-31T12:00:00.000Z",
  settledAt: null,
  attempts: [attemptExample],
};
export const Delivery = Named(
  "Delivery",
  {
    id: Uuid("The delivery"),
    webhookId: Uuid("The webhook"),
    eventId: Uuid("The event: the header `webhook-id`, the same for each attempt and each webhook"),
    event: Type.String({ description: "The event's type; `webhook.test`: a test" }),
    state: Type.Enum(["pending", "delivered", "failed"], {
      description: "`pending`: it is to be sent, or sent again; `failed`: it was given up",
    }),
    createdAt: Time("When the event became one"),
    settledAt: Nullable(Time("When it was delivered or given up")),
    attempts: Type.Array(
      Type.Object({
        at: Time("When it ended"),
        durationMs: Type.Integer({ description: "How long it took" }),
        status: Nullable(Type.Integer({ description: "Of the answer; null: there was none" })),
        error: Nullable(Type.String({ description: "Why it failed, for people; null: it was taken" })),
        answer: Nullable(Type.String({ description: "The beginning of the answer's body" })),
      }),
      { description: "In their order" },
    ),
  },
  deliveryExample,
);
export type Delivery = Static<typeof Delivery>;

export const DeliveryPage = Named(
  "DeliveryPage",
  { deliveries: Type.Array(Delivery, { description: "Newest first" }), next: NextCursor },
  { deliveries: [deliveryExample], next: null },
);

export const WebhookParams = Type.Object({ id: Uuid("The webhook's id") });
export const DeliveryParams = Type.Object({ id: Uuid("The delivery's id") });
export const ListDeliveriesQuery = Closed(PageQuery);
