/**
 * The job of one delivery: an attempt, and what it says about the delivery and its webhook.
 *
 * I1 A delivery that is settled, or whose webhook is disabled or gone, is sent to nobody: a job may come twice.
 * I2 An attempt is noted before the job ends, whatever came of it. Where it can't be noted, the job comes again, and the event is sent again under the same id: at least once.
 * I3 An attempt that the worker's own stop cut short is none: the job comes again elsewhere.
 */
import type { Metrics } from "../ops/metrics.ts";
import type { JobHandler } from "../queue/queue.ts";
import type { DeliveryStore, Verdict } from "../stores/webhook-store.ts";
import type { SendWebhook } from "../webhooks/sender.ts";
import type { WorkerLog } from "./worker-log.ts";

export type DeliverWebhookDeps = {
  readonly deliveries: Pick<DeliveryStore, "due" | "record">;
  readonly send: SendWebhook;
  readonly metrics: Pick<Metrics, "webhookAttempts">;
  readonly log: WorkerLog;
};

/** The endpoint is not there any more, and never will be. */
const goneStatus = 410;

/** An attempt failed: the queue tries again. */
export class AttemptFailed extends Error {
  override readonly name = "AttemptFailed";
}

export function createDeliverWebhook({ deliveries, send, metrics, log }: DeliverWebhookDeps): JobHandler {
  return async ({ data: { deliveryId }, isLast, signal }) => {
    if (typeof deliveryId !== "string") throw new TypeError("the job names no delivery");
    const due = await deliveries.due(deliveryId);
    if (due?.state !== "pending") return; // I1
    if (!due.isEnabled) {
      await deliveries.record(deliveryId, null, "failed"); // I1
      return;
    }
    const { url, eventId: id, body, secrets, webhookId } = due;
    const attempt = await send({ url, id, body, secrets }, signal);
    if (attempt.status === null && signal.aborted) throw new AttemptFailed("the worker stops"); // I3
    const verdict = verdictOf(attempt, isLast);
    metrics.webhookAttempts.inc({ outcome: verdict });
    const { disabledBecause } = await deliveries.record(deliveryId, attempt, verdict); // I2
    if (disabledBecause !== null) log.warn({ webhookId, disabledBecause }, "a webhook is disabled");
    if (verdict === "again") throw new AttemptFailed(attempt.error ?? "it was not taken");
  };
}

function verdictOf({ status, error }: { status: number | null; error: string | null }, isLast: boolean): Verdict {
  if (error === null) return "delivered";
  if (status === goneStatus) return "gone";
  return isLast ? "failed" : "again";
}
