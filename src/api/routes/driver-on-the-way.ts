/** What a customer sees of who brings an order. */
import type { ApiServer } from "../api-server.ts";
import { normalId } from "../command-ids.ts";
import { hasAlready, positionTag, sendNotModified } from "../entity-tags.ts";
import { Problem } from "../problems.ts";
import { answer, notModified } from "../schemas/answer.ts";
import { DriverOnTheWay } from "../schemas/drivers.ts";
import { IfNoneMatchHeaders } from "../schemas/fields.ts";
import { OrderParams } from "../schemas/orders.ts";
import { problemResponses } from "../schemas/problem.ts";
import { driverOnTheWay, trackedOrder } from "../seen-driver.ts";
import type { ApiServices } from "../services.ts";
import { requireOrder } from "./read-order.ts";

const schema = {
  operationId: "readDriverOnTheWay",
  tags: ["orders"],
  summary: "See who brings an order, and where they are",
  description:
    "While the order is out for delivery, and neither before nor after: 404 `no_driver_to_see` then. Without a position where the driver " +
    "is silent, or Redis is away. The `ETag` is another one with each new position.",
  params: OrderParams,
  headers: IfNoneMatchHeaders,
  response: {
    200: answer("The driver", DriverOnTheWay, "ETag", "Cache-Control"),
    304: notModified,
    ...problemResponses([
      "invalid_request",
      "unknown_order",
      "no_driver_to_see",
      "undecided",
      "store_unavailable",
      "log_unavailable",
    ]),
  },
};

export function driverOnTheWayRoute(app: ApiServer, { finder, positionOf, tracking }: ApiServices): void {
  app.get("/orders/:id/driver", { schema }, async ({ params, headers }, reply) => {
    const orderId = normalId(params.id);
    const placed = await requireOrder(finder, orderId);
    const order = trackedOrder(placed, await tracking.of(placed));
    const { driver, fulfilment } = order;
    if (driver === null) {
      throw new Problem("no_driver_to_see", whyNobody(fulfilment), { members: { orderId, fulfilment } });
    }
    const known = await positionOf(driver.driverId);
    const tag = positionTag(driver, known);
    reply.header("etag", tag).header("cache-control", "private, no-cache");
    if (hasAlready(headers["if-none-match"], tag)) return sendNotModified(reply);
    return reply.send(driverOnTheWay(order, driver, known));
  });
}

function whyNobody(fulfilment: string | null): string {
  if (fulfilment === "out_for_delivery") return "The order is out for delivery, by nobody who can be followed.";
  return fulfilment === "delivered" ? "The order is delivered." : "The order is not out for delivery yet.";
}
