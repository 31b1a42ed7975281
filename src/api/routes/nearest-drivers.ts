import { limits } from "../../limits.ts";
import type { Place } from "../../stores/driver-positions.ts";
import type { ApiServer } from "../api-server.ts";
import { normalId } from "../command-ids.ts";
import { positionView } from "../position-view.ts";
import { Problem } from "../problems.ts";
import { answer } from "../schemas/answer.ts";
import { NearestDrivers, NearestQuery } from "../schemas/drivers.ts";
import { problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";
import { undecidedOrder, unknownOrder } from "./read-order.ts";

const schema = {
  operationId: "nearestDrivers",
  tags: ["drivers"],
  summary: "Find the nearest free drivers",
  description:
    "To a place (`near`), or to where an order is to be delivered (`orderId`): one of the two. Free is who is on duty and has no order; who " +
    `was not heard of for ${limits.driverSilenceMs / 1000} s is not shown.`,
  querystring: NearestQuery,
  response: {
    200: answer("The nearest first", NearestDrivers, "Cache-Control"),
    ...problemResponses([
      "invalid_request",
      "unknown_order",
      "order_not_locatable",
      "undecided",
      "positions_unavailable",
      "store_unavailable",
      "log_unavailable",
    ]),
  },
};

export function nearestDriversRoute(app: ApiServer, { findFreeDrivers, finder }: ApiServices): void {
  const placeOfOrder = async (orderId: string): Promise<Place> => {
    const found = await finder.find(orderId);
    if (found.kind === "unknown") throw unknownOrder(orderId);
    if (found.kind === "undecided") throw undecidedOrder(orderId);
    const place = found.order.deliveryLocation;
    if (place !== null && isInReach(place)) return place;
    const detail =
      place === null
        ? "The order has no delivery location."
        : `Drivers are looked for up to ${limits.positionLatitudeMax} degrees north and south.`;
    throw new Problem("order_not_locatable", detail, { members: { orderId } });
  };

  app.get("/drivers/nearest", { schema }, async ({ query }, reply) => {
    const {
      near,
      orderId,
      radiusMeters = limits.nearestRadiusMetersDefault,
      limit = limits.nearestDriversDefault,
    } = query;
    if ((near === undefined) === (orderId === undefined)) throw brokenQuery("", "must have either near or orderId");
    const place = near === undefined ? await placeOfOrder(normalId(orderId ?? "")) : placeOf(near);
    const free = await findFreeDrivers(place, radiusMeters, limit);
    return reply.header("cache-control", "no-store").send({
      drivers: free.map((driver) => ({
        id: driver.driverId,
        name: driver.name,
        distanceMeters: Math.round(driver.distanceMeters),
        position: positionView(driver),
      })),
    });
  });
}

function placeOf(near: string): Place {
  const [latitude = NaN, longitude = NaN] = near.split(",").map(Number);
  const place = { latitude, longitude };
  if (isInReach(place)) return place;
  throw brokenQuery(
    "/near",
    `must be within ${limits.positionLatitudeMax} degrees north and south, and 180 east and west`,
  );
}

const isInReach = ({ latitude, longitude }: Place): boolean =>
  Math.abs(latitude) <= limits.positionLatitudeMax && Math.abs(longitude) <= 180;

function brokenQuery(field: string, message: string): Problem {
  const rule = { in: "querystring", field, message };
  return new Problem("invalid_request", `${field === "" ? "The query" : field} ${message}.`, {
    members: { errors: [rule] },
  });
}
