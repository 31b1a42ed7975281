import { limits } from "../../limits.ts";
import type { KnownPosition } from "../../stores/driver-positions.ts";
import type { Driver as StoredDriver } from "../../stores/driver-store.ts";
import { CacheUnavailable } from "../../stores/effects-cache.ts";
import type { ApiServer } from "../api-server.ts";
import { unknownDriver } from "../driver-locations.ts";
import { cursorOfId, idInCursor } from "../cursors.ts";
import { positionView } from "../position-view.ts";
import { Problem } from "../problems.ts";
import { answer } from "../schemas/answer.ts";
import {
  Driver,
  DriverPage,
  DriverParams,
  DutyBody,
  ListDriversQuery,
  RegisterDriverBody,
} from "../schemas/drivers.ts";
import { bodyProblems, problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";

const tags = ["drivers"];
const registerSchema = {
  operationId: "registerDriver",
  tags,
  summary: "Register a driver, who is off duty at first",
  description: "The same id with the same name again is the same driver.",
  body: RegisterDriverBody,
  response: {
    201: answer("Registered", Driver, "Location"),
    ...problemResponses(bodyProblems, ["driver_exists", "store_unavailable"]),
  },
};
const readSchema = {
  operationId: "readDriver",
  tags,
  summary: "Read a driver: on duty or not, the order, and where",
  description: "Without a position where the driver is off duty or silent, or Redis is away.",
  params: DriverParams,
  response: {
    200: answer("The driver", Driver, "Cache-Control"),
    ...problemResponses(["invalid_request", "unknown_driver", "store_unavailable"]),
  },
};
const listSchema = {
  operationId: "listDrivers",
  tags,
  summary: "List drivers, for dispatchers",
  querystring: ListDriversQuery,
  response: {
    200: answer("One page", DriverPage, "Cache-Control"),
    ...problemResponses(["invalid_request", "invalid_cursor", "store_unavailable"]),
  },
};
const dutySchema = {
  operationId: "setDriverDuty",
  tags,
  summary: "Put a driver on or off duty",
  description: "Who brings an order stays on duty. Off duty, the position is forgotten.",
  params: DriverParams,
  body: DutyBody,
  response: {
    200: answer("As it is now", Driver),
    ...problemResponses(bodyProblems, ["unknown_driver", "driver_busy", "store_unavailable"]),
  },
};

export function driverRoutes(app: ApiServer, services: ApiServices): void {
  const { directory, drivers, metrics, newCommandId, positions } = services;

  const withoutCache = (error: unknown): null => {
    if (!(error instanceof CacheUnavailable)) throw error;
    metrics.cacheFailures.inc();
    return null;
  };
  const find = async (driverId: string): Promise<StoredDriver> => {
    const [driver] = await drivers.drivers([driverId]);
    if (driver === null || driver === undefined) throw unknownDriver(driverId);
    return driver;
  };
  const views = async (found: readonly StoredDriver[]) => {
    const seen = found.filter(({ onDuty }) => onDuty);
    const known = seen.length === 0 ? null : await positions.read(seen.map(({ id }) => id)).catch(withoutCache);
    const byId = new Map(known?.flatMap((each) => (each === null ? [] : [[each.driverId, each] as const])));
    return found.map((driver) => driverView(driver, byId.get(driver.id) ?? null));
  };
  const view = async (driver: StoredDriver) => {
    const [only = driverView(driver, null)] = await views([driver]);
    return only;
  };

  app.post("/drivers", { schema: registerSchema }, async ({ body }, reply) => {
    const id = body.id ?? newCommandId();
    const { driver } = await drivers.register({ id, name: body.name });
    if (driver.name !== body.name) {
      throw new Problem("driver_exists", `${id} is a driver with another name.`, { members: { driverId: id } });
    }
    return reply
      .code(201)
      .header("location", `/drivers/${id}`)
      .send(await view(driver));
  });

  app.get("/drivers", { schema: listSchema }, async ({ query }, reply) => {
    const { cursor, limit = limits.pageSizeDefault, onDuty, free } = query;
    const listed = { onDuty: onDuty?.toString(), free: free?.toString() };
    const after = cursor === undefined ? null : idInCursor(cursor, listed);
    const filter = { ...(onDuty !== undefined && { onDuty }), ...(free !== undefined && { free }) };
    // One more than asked for tells whether there is a next page.
    const found = await drivers.list(filter, after, limit + 1);
    const last = found[limit - 1];
    const next = found.length > limit && last !== undefined ? cursorOfId(last.id, listed) : null;
    return reply.header("cache-control", "no-store").send({ drivers: await views(found.slice(0, limit)), next });
  });

  app.get("/drivers/:id", { schema: readSchema }, async ({ params }, reply) => {
    const driver = await view(await find(params.id));
    return reply.header("cache-control", "no-store").send(driver);
  });

  app.put("/drivers/:id/duty", { schema: dutySchema }, async ({ params: { id }, body: { onDuty } }) => {
    const outcome = await drivers.setDuty(id, onDuty);
    directory.forget(id);
    if (outcome.kind === "unknown_driver") throw unknownDriver(id);
    if (outcome.kind === "driver_busy") {
      const { orderId } = outcome;
      throw new Problem("driver_busy", "The driver brings an order: finish or release that first.", {
        members: { driverId: id, orderId },
      });
    }
    // Without Redis it is silent soon; and off duty nobody is shown anywhere.
    if (!onDuty) await positions.withdraw(id).catch(withoutCache);
    return view(await find(id));
  });
}

function driverView({ id, name, onDuty, dutySince, orderId }: StoredDriver, known: KnownPosition | null) {
  const position = known === null ? null : positionView(known);
  return { id, name, onDuty, dutySince: new Date(dutySince).toISOString(), orderId, position };
}
