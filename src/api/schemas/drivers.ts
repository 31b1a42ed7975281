import { Type } from "typebox";
import type { Static } from "typebox";
import { limits } from "../../limits.ts";
import { partProblemFields } from "./problem.ts";
import { Absent, Closed, exampleIds, Named, NextCursor, Nullable, PageQuery, Text, Time, Uuid } from "./fields.ts";

export const DriverId = Type.String({
  // As a product's; and not what stands in the place of an id in a path.
  pattern: `^(?!(?:\\.{1,2}|nearest|locations)$)[A-Za-z0-9._-]{1,${limits.productIdCharsMax}}$`,
  description: "The driver's id",
  examples: [exampleIds.driver],
});
export const DriverParams = Type.Object({ id: DriverId });

export const RegisterDriverBody = Closed(
  { id: Absent(DriverId), name: Text(limits.nameCharsMax, "What people call the driver") },
  { id: exampleIds.driver, name: "Grace" },
);

export const DutyBody = Closed({ onDuty: Type.Boolean({ description: "May be given orders" }) }, { onDuty: true });

const latitude = Type.Number({
  minimum: -limits.positionLatitudeMax,
  maximum: limits.positionLatitudeMax,
  description: "Degrees, WGS 84. Nearer to the poles there is no grid to look for drivers in",
});
const longitude = Type.Number({ minimum: -180, maximum: 180, description: "Degrees, WGS 84" });
const observedAt = Time("When the driver was there, by the driver's clock");
const sequence = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description:
    "Grows with each observation of this driver, for instance milliseconds since 1970: an older one never replaces a newer one",
});
const report = { latitude, longitude, observedAt, sequence };
const reportExample = {
  latitude: 48.137154,
  longitude: 11.576124,
  observedAt: "2026-01-31T12:00:00.000Z",
  sequence: 42,
};

export const LocationBody = Closed(report, reportExample);
export type LocationBody = Static<typeof LocationBody>;
export const LocationOfDriver = Closed({ driverId: DriverId, ...report });
export type LocationOfDriver = Static<typeof LocationOfDriver>;

/** Each is checked by itself, so that one that is wrong spoils no other. */
export const LocationsBody = Closed(
  {
    locations: Type.Array(
      Type.Unknown({ description: "As PUT /drivers/{id}/location takes it, and `driverId` beside it" }),
      { minItems: 1, maxItems: limits.positionsMax, description: "Put one after another" },
    ),
  },
  { locations: [{ driverId: exampleIds.driver, ...reportExample }] },
);

const receipt = {
  driverId: DriverId,
  applied: Type.Boolean({
    description: "This is the driver's position now. If not, there is nothing to be sent again",
  }),
  reason: Nullable(
    Type.Enum(["not_newer", "too_old"], {
      description: `Why not: one with this sequence or a higher one is there; or it was observed more than ${limits.driverSilenceMs / 1000} s ago`,
    }),
  ),
  sequence: Nullable(Type.Integer({ description: "Of the newest position that is known" })),
};
const receiptExample = { driverId: exampleIds.driver, applied: true, reason: null, sequence: 42 };
export const LocationReceipt = Named("LocationReceipt", receipt, receiptExample);
export type LocationReceipt = Static<typeof LocationReceipt>;

export const LocationResults = Named(
  "LocationResults",
  {
    results: Type.Array(
      Type.Object({
        driverId: Type.Optional(Type.String({ description: "The driver, where one was named" })),
        applied: receipt.applied,
        reason: Type.Optional(receipt.reason),
        sequence: Type.Optional(receipt.sequence),
        ...partProblemFields,
      }),
      { description: "One for each, in their order" },
    ),
  },
  {
    results: [
      receiptExample,
      { driverId: "ada", applied: false, code: "unknown_driver", detail: "There is no driver ada." },
    ],
  },
);
export type LocationResult = Static<typeof LocationResults>["results"][number];

const Position = Type.Object(
  {
    latitude: Type.Number({ description: "Degrees, WGS 84" }),
    longitude: Type.Number({ description: "Degrees, WGS 84" }),
    observedAt,
    ageMs: Type.Integer({ description: "How long ago that was" }),
  },
  { description: `The last one; forgotten ${limits.driverSilenceMs / 1000} s after it was observed` },
);
const positionExample = {
  latitude: 48.137154,
  longitude: 11.576124,
  observedAt: "2026-01-31T12:00:00.000Z",
  ageMs: 850,
};

const driverExample = {
  id: exampleIds.driver,
  name: "Grace",
  onDuty: true,
  dutySince: "2026-01-31T08:00:00.000Z",
  orderId: null,
  position: positionExample,
};
export const Driver = Named(
  "Driver",
  {
    id: DriverId,
    name: Type.String({ description: "What people call the driver" }),
    onDuty: Type.Boolean({ description: "May be given orders" }),
    dutySince: Time("Since when on or off duty"),
    orderId: Nullable(Uuid("The order that the driver brings at the moment")),
    position: Nullable(Position),
  },
  driverExample,
);

export const ListDriversQuery = Closed({
  onDuty: Type.Optional(Type.Boolean({ description: "Only those who are, or who are not" })),
  free: Type.Optional(Type.Boolean({ description: "Only those who are on duty and have no order, or the others" })),
  ...PageQuery,
});
export type ListDriversQuery = Static<typeof ListDriversQuery>;

export const DriverPage = Named(
  "DriverPage",
  { drivers: Type.Array(Driver, { description: "In the order of their ids" }), next: NextCursor },
  { drivers: [driverExample], next: null },
);

export const NearestQuery = Closed({
  near: Type.Optional(
    Type.String({
      pattern: "^-?[0-9]{1,3}(\\.[0-9]{1,15})?,-?[0-9]{1,3}(\\.[0-9]{1,15})?$",
      description: "Latitude and longitude, degrees, with a comma between",
      examples: ["48.137154,11.576124"],
    }),
  ),
  orderId: Type.Optional(Uuid("Near to where this order is to be delivered, instead")),
  radiusMeters: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: limits.nearestRadiusMetersMax,
      description: `How far away at most. Default ${limits.nearestRadiusMetersDefault}`,
    }),
  ),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: limits.nearestDriversMax,
      description: `How many at most. Default ${limits.nearestDriversDefault}`,
    }),
  ),
});

export const NearestDrivers = Named(
  "NearestDrivers",
  {
    drivers: Type.Array(
      Type.Object({
        id: DriverId,
        name: Type.String({ description: "What people call the driver" }),
        distanceMeters: Type.Integer({ description: "As the crow flies" }),
        position: Position,
      }),
      { description: "On duty, without an order, and not silent; the nearest first" },
    ),
  },
  { drivers: [{ id: exampleIds.driver, name: "Grace", distanceMeters: 420, position: positionExample }] },
);

export const AssignBody = Closed({ driverId: DriverId }, { driverId: exampleIds.driver });

export const OrderDriver = Named(
  "OrderDriver",
  {
    orderId: Uuid("The order"),
    driverId: Nullable(DriverId),
    assignedBy: Nullable(Type.String({ description: "Who gave the order to the driver: X-Actor of that request" })),
    assignedAt: Nullable(Time("When")),
  },
  {
    orderId: exampleIds.order,
    driverId: exampleIds.driver,
    assignedBy: "desk 7",
    assignedAt: "2026-01-31T12:00:00.000Z",
  },
);

/** As dispatchers see it. */
export const OrderAssignment = Named(
  "OrderAssignment",
  {
    ...OrderDriver.properties,
    name: Nullable(Type.String({ description: "What people call the driver" })),
    endedAt: Nullable(Time("When the order was delivered")),
    position: Nullable(Position),
  },
  {
    orderId: exampleIds.order,
    driverId: exampleIds.driver,
    assignedBy: "desk 7",
    assignedAt: "2026-01-31T12:00:00.000Z",
    name: "Grace",
    endedAt: null,
    position: positionExample,
  },
);

/** As the customer sees it. */
export const DriverOnTheWay = Named(
  "DriverOnTheWay",
  {
    orderId: Uuid("The order"),
    driver: Type.Object({ driverId: DriverId, name: Type.String({ description: "What people call the driver" }) }),
    position: Nullable(Position),
    distanceMetres: Nullable(
      Type.Integer({
        description: "To where the order goes, as the crow flies; null where one of the two is not known",
      }),
    ),
  },
  {
    orderId: exampleIds.order,
    driver: { driverId: exampleIds.driver, name: "Grace" },
    position: positionExample,
    distanceMetres: 420,
  },
);
export type DriverOnTheWay = Static<typeof DriverOnTheWay>;
