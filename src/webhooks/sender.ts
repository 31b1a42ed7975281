/**
 * Sends an event to a webhook: one signed request, as Standard Webhooks has it, to a public address, with a time limit. Redirects are an answer like any other that is not 2xx, for they would lead past the check of the
 * address; and of the answer only its beginning is read.
 */
import http from "node:http";
import https from "node:https";
import { Webhook as Signer } from "standardwebhooks";
import { limits } from "../limits.ts";
import type { Attempt } from "../stores/webhook-store.ts";
import { AddressRefused, publicLookup } from "./public-addresses.ts";
import type { Resolve } from "./public-addresses.ts";
import { faultOf } from "./webhook-address.ts";

export type WebhookMessage = {
  readonly url: string;
  /** The event's: the same each time. */
  readonly id: string;
  readonly body: string;
  /** Each signs. */
  readonly secrets: readonly string[];
};
/** What came of it. Never rejects: whatever goes wrong is an attempt that failed. */
export type SendWebhook = (message: WebhookMessage, signal: AbortSignal) => Promise<Omit<Attempt, "at">>;

export type SenderOptions = {
  /** For development and tests. */
  readonly allowPrivate: boolean;
  /** For tests: the system's otherwise. */
  readonly resolve?: Resolve;
  readonly timeoutMs?: number;
};

export function createWebhookSender({ allowPrivate, resolve, timeoutMs }: SenderOptions): SendWebhook {
  const lookup = allowPrivate ? undefined : publicLookup(resolve);
  return async (message, signal) => {
    const startedAt = performance.now();
    const ended = (status: number | null, error: string | null, answer: string | null) => {
      const told = error?.slice(0, limits.deliveryErrorCharsMax) ?? null;
      return { durationMs: performance.now() - startedAt, status, error: told, answer };
    };
    const deadline = AbortSignal.timeout(timeoutMs ?? limits.deliveryTimeoutMs);
    try {
      const url = new URL(message.url);
      const fault = faultOf(url, allowPrivate);
      if (fault !== null) throw new AddressRefused(fault);
      const { status, body } = await post(url, message, AbortSignal.any([signal, deadline]), lookup);
      return ended(status, status >= 200 && status < 300 ? null : `it answered ${status}`, body);
    } catch (error) {
      if (deadline.aborted) return ended(null, `no answer in ${timeoutMs ?? limits.deliveryTimeoutMs} ms`, null);
      return ended(null, error instanceof Error ? error.message : String(error), null);
    }
  };
}

/** The headers of Standard Webhooks: what is signed is the id, the time and the body. */
function headersOf({ id, body, secrets }: WebhookMessage) {
  const at = new Date();
  return {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "user-agent": "Tallyman-Webhooks",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": secrets.map((secret) => new Signer(secret).sign(id, at, body)).join(" "),
  };
}

async function post(
  url: URL,
  message: WebhookMessage,
  signal: AbortSignal,
  lookup: ReturnType<typeof publicLookup> | undefined,
) {
  const { request } = url.protocol === "http:" ? http : https;
  const options = { method: "POST", headers: headersOf(message), signal, agent: false, ...(lookup && { lookup }) };
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request(url, options, resolve).on("error", reject).end(message.body);
  });
  try {
    return { status: response.statusCode ?? 0, body: await beginningOf(response) };
  } finally {
    response.destroy();
  }
}

async function beginningOf(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= limits.deliveryAnswerBytesMax) break;
  }
  // What PostgreSQL would refuse, it being no text there.
  return Buffer.concat(chunks).subarray(0, limits.deliveryAnswerBytesMax).toString("utf8").replaceAll("\0", "\uFFFD");
}
