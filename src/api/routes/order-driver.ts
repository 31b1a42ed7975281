/**
 * Which driver brings an order. The keys of a table decide between dispatchers who ask at the same time. What customers see of it is a
 * route of its own (driver-on-the-way.ts).
 */
import type { AssignOutcome } from "../../stores/driver-store.ts";
import type { ApiServer } from "../api-server.ts";
import { normalId } from "../command-ids.ts";
import { offDuty, unknownDriver } from "../driver-locations.ts";
import { positionView } from "../position-view.ts";
import { Problem } from "../problems.ts";
import { answer } from "../schemas/answer.ts";
import { AssignBody, OrderAssignment, OrderDriver } from "../schemas/drivers.ts";
import { ActorHeaders, actorOf } from "../schemas/fields.ts";
import { OrderParams } from "../schemas/orders.ts";
import { bodyProblems, problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";
import { requireOrder, undecidedOrder, unknownOrder } from "./read-order.ts";

const tags = ["drivers"];
const assignSchema = {
  operationId: "assignDriver",
  tags,
  summary: "Give an order to a driver",
  description:
    "An order has one driver, and a driver one order at a time: of several dispatchers who ask at once, one has it. The same again is " +
    "answered alike. Another driver wants a DELETE first.",
  headers: ActorHeaders,
  params: OrderParams,
  body: AssignBody,
  response: {
    200: answer("The driver has it", OrderDriver),
    ...problemResponses(bodyProblems, [
      "unknown_driver",
      "unknown_order",
      "order_not_deliverable",
      "order_has_driver",
      "delivery_ended",
      "driver_busy",
      "driver_off_duty",
      "undecided",
      "store_unavailable",
      "log_unavailable",
    ]),
  },
};
const releaseSchema = {
  operationId: "releaseDriver",
  tags,
  summary: "Take an order from its driver",
  description: "Also where it has none: twice is like once.",
  params: OrderParams,
  response: {
    200: answer("Nobody has it", OrderDriver),
    ...problemResponses(["invalid_request", "delivery_ended", "store_unavailable"]),
  },
};

const readSchema = {
  operationId: "readAssignment",
  tags,
  summary: "Read which driver has an order, as dispatchers see it",
  description: "From when the order is given, and after it is delivered. All is null where it has no driver.",
  params: OrderParams,
  response: {
    200: answer("Who has it", OrderAssignment, "Cache-Control"),
    ...problemResponses(["invalid_request", "unknown_order", "undecided", "store_unavailable", "log_unavailable"]),
  },
};

export function orderDriverRoutes(app: ApiServer, { driverOf, drivers, finder, metrics, told }: ApiServices): void {
  /** An order that is decided a moment later than it is asked for is asked for once more. */
  const assign = async (wanted: Parameters<typeof drivers.assign>[0]): Promise<AssignOutcome> => {
    const outcome = await drivers.assign(wanted);
    if (outcome.kind !== "undecided") return outcome;
    const { orderId } = wanted;
    const found = await finder.find(orderId);
    if (found.kind === "unknown") throw unknownOrder(orderId);
    if (found.kind === "undecided") throw undecidedOrder(orderId);
    return found.order.status === "pending" ? outcome : drivers.assign(wanted);
  };
  const refusal = (
    outcome: Exclude<AssignOutcome, { readonly kind: "assigned" }>,
    orderId: string,
    driverId: string,
  ): Problem => {
    switch (outcome.kind) {
      case "unknown_driver":
        return unknownDriver(driverId);
      case "undecided":
        return notDeliverable(orderId, "The order is pending: it may still be refused.");
      case "not_accepted":
        return notDeliverable(orderId, "The order was refused or cancelled.");
      case "order_taken":
        return new Problem("order_has_driver", `Driver ${outcome.driverId} has the order.`, {
          members: { orderId, driverId: outcome.driverId },
        });
      case "ended":
        return deliveryEnded(orderId, outcome.driverId);
      case "off_duty":
        return offDuty(driverId);
      case "driver_busy":
        return new Problem("driver_busy", "The driver has another order.", {
          members: { driverId, orderId: outcome.orderId },
        });
    }
  };

  app.put("/orders/:id/driver", { schema: assignSchema }, async (request) => {
    const orderId = normalId(request.params.id);
    const { driverId } = request.body;
    const outcome = await assign({ orderId, driverId, assignedBy: actorOf(request.headers) });
    metrics.driverAssignments.inc({ outcome: outcome.kind });
    if (outcome.kind !== "assigned") throw refusal(outcome, orderId, driverId);
    told.way(orderId);
    const { assignedBy, assignedAt } = outcome.assignment;
    return { orderId, driverId, assignedBy, assignedAt: new Date(assignedAt).toISOString() };
  });

  app.get("/orders/:id/assignment", { schema: readSchema }, async ({ params }, reply) => {
    const orderId = normalId(params.id);
    const found = await driverOf(orderId);
    if (found === null) await requireOrder(finder, orderId);
    reply.header("cache-control", "no-store");
    if (found === null) return { ...nobody(orderId), name: null, endedAt: null, position: null };
    const { driverId, name, assignedBy, assignedAt, endedAt, position } = found;
    return {
      ...{ orderId, driverId, assignedBy, assignedAt: new Date(assignedAt).toISOString(), name },
      endedAt: endedAt === null ? null : new Date(endedAt).toISOString(),
      position: position === null ? null : positionView(position),
    };
  });

  app.delete("/orders/:id/driver", { schema: releaseSchema }, async ({ params }) => {
    const orderId = normalId(params.id);
    const outcome = await drivers.release(orderId);
    if (outcome.kind === "ended") throw deliveryEnded(orderId, outcome.driverId);
    if (outcome.kind === "released") told.way(orderId);
    return nobody(orderId);
  });
}

const nobody = (orderId: string) => ({ orderId, driverId: null, assignedBy: null, assignedAt: null });

const notDeliverable = (orderId: string, detail: string): Problem =>
  new Problem("order_not_deliverable", detail, { members: { orderId } });

const deliveryEnded = (orderId: string, driverId: string): Problem =>
  new Problem("delivery_ended", `Driver ${driverId} has delivered the order.`, { members: { orderId, driverId } });
