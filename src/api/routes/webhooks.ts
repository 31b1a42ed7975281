/** Who is told of events over HTTP. Workers do the telling (docs/decisions/076-background-work.md). */
import { randomBytes } from "node:crypto";
import { limits } from "../../limits.ts";
import type { Webhook as StoredWebhook } from "../../stores/webhook-store.ts";
import type { ApiServer } from "../api-server.ts";
import { Problem } from "../problems.ts";
import { answer } from "../schemas/answer.ts";
import { bodyProblems, problemResponses } from "../schemas/problem.ts";
import {
  ChangeWebhookBody,
  CreateWebhookBody,
  Webhook,
  WebhookParams,
  Webhooks,
  WebhookWithSecret,
} from "../schemas/webhooks.ts";
import type { ApiServices } from "../services.ts";

const tags = ["webhooks"];
const signed =
  "Each request is signed as [Standard Webhooks](https://www.standardwebhooks.com) has it: by the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`.";
const createSchema = {
  operationId: "createWebhook",
  tags,
  summary: "Have events sent to an address",
  description: `${signed} The answer alone has the secret.`,
  body: CreateWebhookBody,
  response: {
    201: answer("Made", WebhookWithSecret, "Location", "Cache-Control"),
    ...problemResponses(bodyProblems, ["webhook_address_refused", "too_many_webhooks", "store_unavailable"]),
  },
};
const listSchema = {
  operationId: "listWebhooks",
  tags,
  summary: "List webhooks",
  response: {
    200: answer("All of them", Webhooks, "Cache-Control"),
    ...problemResponses(["store_unavailable"]),
  },
};
const one = problemResponses(["invalid_request", "unknown_webhook", "store_unavailable"]);
const readSchema = {
  operationId: "readWebhook",
  tags,
  summary: "Read a webhook: what it is told of, and whether it takes that",
  params: WebhookParams,
  response: { 200: answer("The webhook", Webhook, "Cache-Control"), ...one },
};
const changeSchema = {
  operationId: "changeWebhook",
  tags,
  summary: "Change a webhook, disable or enable it",
  description: "Members that are absent stay as they are. What was not told while it was disabled is not told later.",
  params: WebhookParams,
  body: ChangeWebhookBody,
  response: {
    200: answer("As it is now", Webhook),
    ...problemResponses(bodyProblems, ["unknown_webhook", "webhook_address_refused", "store_unavailable"]),
  },
};
const rotateSchema = {
  operationId: "rotateWebhookSecret",
  tags,
  summary: "Give a webhook another secret",
  description:
    "For 24 hours both sign what is sent, so that it is taken all the while. The answer alone has the new one.",
  params: WebhookParams,
  response: { 200: answer("With its new secret", WebhookWithSecret, "Cache-Control"), ...one },
};
const removeSchema = {
  operationId: "removeWebhook",
  tags,
  summary: "Remove a webhook, with its deliveries",
  params: WebhookParams,
  response: { 200: answer("As it was", Webhook), ...one },
};

export function webhookRoutes(app: ApiServer, { webhooks, checkWebhookAddress, newCommandId }: ApiServices): void {
  const refuseAddress = async (url: string): Promise<void> => {
    const reason = await checkWebhookAddress(url);
    if (reason !== null) throw new Problem("webhook_address_refused", `The address may not be used: ${reason}.`);
  };

  app.post("/webhooks", { schema: createSchema }, async ({ body }, reply) => {
    const { url, events, description } = body;
    await refuseAddress(url);
    const secret = newSecret();
    const wanted = { id: newCommandId(), url, eventTypes: events, description: description ?? null, secret };
    const webhook = await webhooks.create(wanted, limits.webhooksMax);
    if (webhook === null) throw new Problem("too_many_webhooks", `There may be ${limits.webhooksMax}.`);
    return reply
      .code(201)
      .header("location", `/webhooks/${webhook.id}`)
      .header("cache-control", "no-store")
      .send({ ...webhookView(webhook), secret });
  });

  app.get("/webhooks", { schema: listSchema }, async (_request, reply) => {
    const found = await webhooks.list();
    return reply.header("cache-control", "no-store").send({ webhooks: found.map(webhookView) });
  });

  app.get("/webhooks/:id", { schema: readSchema }, async ({ params: { id } }, reply) => {
    const webhook = known(await webhooks.read(id), id);
    return reply.header("cache-control", "no-store").send(webhookView(webhook));
  });

  app.patch("/webhooks/:id", { schema: changeSchema }, async ({ params: { id }, body }) => {
    const { url, events, description, enabled } = body;
    if (url !== undefined) await refuseAddress(url);
    const webhook = await webhooks.change(id, {
      ...(url !== undefined && { url }),
      ...(events !== undefined && { eventTypes: events }),
      ...(description !== undefined && { description }),
      ...(enabled !== undefined && { isEnabled: enabled }),
    });
    return webhookView(known(webhook, id));
  });

  app.post("/webhooks/:id/secret", { schema: rotateSchema }, async ({ params: { id } }, reply) => {
    const secret = newSecret();
    const webhook = known(await webhooks.rotate(id, secret, limits.webhookOldSecretMs), id);
    return reply.header("cache-control", "no-store").send({ ...webhookView(webhook), secret });
  });

  app.delete("/webhooks/:id", { schema: removeSchema }, async ({ params: { id } }) =>
    webhookView(known(await webhooks.remove(id), id)),
  );
}

/** As Standard Webhooks writes secrets. */
const newSecret = (): string => `whsec_${randomBytes(limits.webhookSecretBytes).toString("base64")}`;

export function known(webhook: StoredWebhook | null, webhookId: string): StoredWebhook {
  if (webhook === null) throw unknownWebhook(webhookId);
  return webhook;
}

export const unknownWebhook = (webhookId: string): Problem =>
  new Problem("unknown_webhook", `There is no webhook ${webhookId}.`, { members: { webhookId } });

const timeOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

function webhookView({ eventTypes, createdAt, failingSince, disabledAt, ...webhook }: StoredWebhook): Webhook {
  return {
    ...webhook,
    events: [...eventTypes],
    createdAt: new Date(createdAt).toISOString(),
    enabled: disabledAt === null,
    failingSince: timeOf(failingSince),
    disabledAt: timeOf(disabledAt),
  };
}
