import { Type } from "typebox";
import type { DoneStep, LaterStep } from "../../stores/fulfilment-store.ts";
import { stepBefore } from "../../stores/fulfilment-store.ts";
import type { ApiServer } from "../api-server.ts";
import { keyedId, normalId } from "../command-ids.ts";
import { Problem } from "../problems.ts";
import { answer } from "../schemas/answer.ts";
import { ActorHeaders, actorOf, CommandHeaders } from "../schemas/fields.ts";
import { Fulfilment, OrderParams } from "../schemas/orders.ts";
import { problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";
import { requireOrder } from "./read-order.ts";

const common = { tags: ["fulfilment"], params: OrderParams };
const problems = ["invalid_request", "unknown_order", "undecided", "store_unavailable", "log_unavailable"] as const;
const readSchema = {
  ...common,
  operationId: "readFulfilment",
  summary: "Read how far an order is on its way",
  response: { 200: answer("Its steps", Fulfilment), ...problemResponses(problems) },
};
const stepSchema = (operationId: string, summary: string, step: LaterStep) => ({
  ...common,
  operationId,
  summary,
  description:
    `Allowed where the order is \`${stepBefore(step)}\`, else 409 \`step_not_allowed\`. With an \`Idempotency-Key\` the same request ` +
    "again answers like the first one; without it a repeat is refused.",
  headers: Type.Object({
    "idempotency-key": CommandHeaders.properties["idempotency-key"],
    ...ActorHeaders.properties,
  }),
  response: { 200: answer("Done", Fulfilment), ...problemResponses(problems, ["step_not_allowed"]) },
});

/** Steps after packing are rows of PostgreSQL: nothing of the stock depends on them, and they can't meet a cancel. */
export function fulfilmentRoutes(app: ApiServer, services: ApiServices): void {
  const { finder, fulfilments, newCommandId, told: changes } = services;
  const routes = [
    {
      path: "out-for-delivery",
      step: "out_for_delivery",
      schema: stepSchema("takeOutForDelivery", "A packed order leaves for its customer", "out_for_delivery"),
    },
    { path: "deliver", step: "delivered", schema: stepSchema("deliverOrder", "An order has arrived", "delivered") },
  ] as const;

  app.get("/orders/:id/fulfilment", { schema: readSchema }, async ({ params }) => {
    const orderId = normalId(params.id);
    const steps = await fulfilments.steps(orderId);
    if (steps.length === 0) await requireOrder(finder, orderId);
    return told(orderId, steps);
  });

  for (const { path, step, schema } of routes) {
    app.post(`/orders/:id/${path}`, { schema }, async ({ params, headers }) => {
      const orderId = normalId(params.id);
      const key = headers["idempotency-key"];
      const requestId = key === undefined ? newCommandId() : keyedId(`step:${step}:${orderId}`, key);
      const steps = await fulfilments.advance({ orderId, step, actor: actorOf(headers), requestId });
      if (steps.some((done) => done.step === step && done.requestId === requestId)) {
        changes.way(orderId);
        return told(orderId, steps);
      }
      if (steps.length === 0) await requireOrder(finder, orderId);
      const fulfilment = steps.at(-1)?.step ?? null;
      const detail = `The order is ${fulfilment ?? "not packed"}; this step begins at ${stepBefore(step)}.`;
      throw new Problem("step_not_allowed", detail, { members: { orderId, fulfilment } });
    });
  }
}

const told = (orderId: string, steps: readonly DoneStep[]): Fulfilment => ({
  orderId,
  fulfilment: steps.at(-1)?.step ?? null,
  steps: steps.map(({ step, actor, doneAt }) => ({ step, actor, doneAt: new Date(doneAt).toISOString() })),
});
