import { limits } from "../../limits.ts";
import type { DriverPosition } from "../../stores/driver-positions.ts";
import type { ApiServer } from "../api-server.ts";
import { compileCheck } from "../plugins/validation.ts";
import { partProblem, Problem } from "../problems.ts";
import { answer } from "../schemas/answer.ts";
import {
  DriverParams,
  LocationBody,
  LocationOfDriver,
  LocationReceipt,
  LocationResults,
  LocationsBody,
} from "../schemas/drivers.ts";
import type { LocationResult } from "../schemas/drivers.ts";
import { bodyProblems, problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";

const tags = ["drivers"];
const oneSchema = {
  operationId: "putDriverLocation",
  tags,
  summary: "Say where a driver is",
  description:
    "Of positions that come in any order, the one with the highest `sequence` stays: an older one, and the same again, are answered with " +
    "200 and `applied` false, and there is nothing to be sent again. Kept in Redis only, and forgotten " +
    `${limits.driverSilenceMs / 1000} s after it was observed; then a sequence may begin anew.`,
  params: DriverParams,
  body: LocationBody,
  response: {
    200: answer("Taken, or older than what is known", LocationReceipt),
    ...problemResponses(bodyProblems, [
      "unknown_driver",
      "driver_off_duty",
      "observed_in_future",
      "positions_unavailable",
      "store_unavailable",
    ]),
  },
};
const manySchema = {
  operationId: "putDriverLocations",
  tags,
  summary: "Say where many drivers are",
  description: "One that is wrong or refused spoils no other: each has a result of its own, in their order.",
  body: LocationsBody,
  response: {
    200: answer("What became of each", LocationResults),
    ...problemResponses(bodyProblems, ["positions_unavailable"]),
  },
};

const checkOne = compileCheck(LocationOfDriver, "body");

export function driverLocationRoutes(app: ApiServer, { locations }: ApiServices): void {
  app.put("/drivers/:id/location", { schema: oneSchema }, ({ params, body }) => {
    return locations.take(positionOf({ driverId: params.id, ...body }));
  });

  const options = { schema: manySchema, bodyLimit: limits.httpBodyBytesMax };
  app.post("/drivers/locations", options, async ({ body }) => {
    const read = body.locations.map(positionIn);
    const taken = await locations.takeMany(read.flatMap((each) => (each instanceof Problem ? [] : [each])));
    let next = 0;
    const results = read.map((each, index): LocationResult => {
      const result = each instanceof Problem ? each : taken[next++];
      if (result === undefined) throw new TypeError("there must be a result for each position");
      if (!(result instanceof Problem)) return result;
      const driverId = driverIn(body.locations[index]);
      return { ...(driverId !== undefined && { driverId }), applied: false, ...partProblem(result) };
    });
    return { results };
  });
}

function positionIn(value: unknown): DriverPosition | Problem {
  const checked = checkOne(value);
  if ("error" in checked) return checked.error;
  try {
    return positionOf(checked.value as LocationOfDriver);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

/** Throws a Problem for a time that the calendar does not have. */
function positionOf({ driverId, latitude, longitude, observedAt, sequence }: LocationOfDriver): DriverPosition {
  const observedMs = Date.parse(observedAt);
  if (Number.isNaN(observedMs)) {
    const rule = { in: "body", field: "/observedAt", message: "must be a time that there is" };
    throw new Problem("invalid_request", `${rule.field} ${rule.message}.`, { members: { errors: [rule] } });
  }
  return { driverId, latitude, longitude, observedAt: observedMs, sequence };
}

function driverIn(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("driverId" in value)) return undefined;
  return typeof value.driverId === "string" ? value.driverId : undefined;
}
