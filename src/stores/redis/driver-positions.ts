/**
 * Where drivers are, in Redis. What requests put or read within one turn of the event loop goes out as one script; nothing is kept here
 * between calls but the breaker's pause. The invariants are those of the port; the scripts keep I1 and I2, each in one step of Redis.
 */
import type { Redis } from "ioredis";
import { limits } from "../../limits.ts";
import type {
  DriverPosition,
  DriverPositions,
  KnownPosition,
  NearDriver,
  Place,
  PositionOutcome,
} from "../driver-positions.ts";
import { createTickBatch } from "../tick-batch.ts";
import { createBreaker } from "./breaker.ts";
import { placesKey, positionKey, silentFromKey } from "./keys.ts";
import { loadScript, runScript } from "./script.ts";

const putPositions = loadScript("./put-positions.lua");
const withdrawPosition = loadScript("./withdraw-position.lua");
const nearestDrivers = loadScript("./nearest-drivers.lua");

const sets = [placesKey, silentFromKey];
const outcomes = new Map<unknown, PositionOutcome["kind"]>([
  [1, "applied"],
  [0, "not_newer"],
  [-1, "too_old"],
  [-2, "in_future"],
]);

export type RedisDriverPositionsOptions = {
  readonly redis: Redis;
  /** For tests: `limits` otherwise. */
  readonly silenceMs?: number;
  readonly forgottenMax?: number;
};

export function createRedisDriverPositions(options: RedisDriverPositionsOptions): DriverPositions {
  const { redis, silenceMs = limits.driverSilenceMs, forgottenMax = limits.silentForgottenMax } = options;
  const guarded = createBreaker(redis);
  const batchOf = <Item, Result>(run: (items: readonly Item[]) => Promise<readonly Result[]>) =>
    createTickBatch<Item, Result>(limits.positionScriptEntriesMax, (items) => guarded(() => run(items)));

  const putAll = async (positions: readonly DriverPosition[]): Promise<PositionOutcome[]> => {
    const keys = [...sets, ...positions.map(({ driverId }) => positionKey(driverId))];
    const words = positions.flatMap(({ driverId, sequence, observedAt, latitude, longitude }) => [
      driverId,
      sequence,
      observedAt,
      latitude,
      longitude,
    ]);
    const put = await runScript(redis, putPositions, keys, [silenceMs, limits.positionSkewMs, forgottenMax, ...words]);
    const results = listOf(put);
    return positions.map((_, index) => {
      const kind = outcomes.get(results[index * 2]);
      if (kind === undefined) throw new TypeError("the script must return an outcome for each position");
      const newest = String(results[index * 2 + 1]);
      return { kind, sequence: newest === "" ? null : Number(newest) };
    });
  };
  const readAll = async (driverIds: readonly string[]): Promise<(KnownPosition | null)[]> => {
    // Sent together, the clock first: no position is later than what it says, but for the driver's own clock.
    const [time, values] = await Promise.all([redis.time(), redis.mget(driverIds.map(positionKey))]);
    const now = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000);
    return driverIds.map((driverId, index) => knownPosition(driverId, values[index] ?? null, now, silenceMs));
  };
  const search = async (place: Place, radiusMeters: number, countMax: number): Promise<NearDriver[]> => {
    for (;;) {
      const asked = [forgottenMax, place.latitude, place.longitude, radiusMeters, countMax];
      const [forgotten, now, ...found] = listOf(await runScript(redis, nearestDrivers, sets, asked));
      if (Number(forgotten) >= forgottenMax) continue; // Each turn makes them fewer.
      const near: NearDriver[] = [];
      for (let at = 0; at < found.length; at += 3) {
        const [driverId, meters, known] = found.slice(at, at + 3).map(String);
        const position = knownPosition(driverId ?? "", known ?? null, Number(now), silenceMs);
        if (position !== null) near.push({ ...position, distanceMeters: Number(meters) });
      }
      return near;
    }
  };

  const put = batchOf(putAll);
  const readOne = batchOf(readAll);
  return {
    put,
    putMany: (positions) => Promise.all(positions.map(put)),
    withdraw: (driverId) =>
      guarded(async () => {
        await runScript(redis, withdrawPosition, [...sets, positionKey(driverId)], [driverId]);
      }),
    read: (driverIds) => Promise.all(driverIds.map(readOne)),
    nearest: (place, radiusMeters, countMax) => guarded(() => search(place, radiusMeters, countMax)),
  };
}

function listOf(result: unknown): unknown[] {
  if (!Array.isArray(result)) throw new TypeError("the script must return an array");
  return result;
}

/** Keeps I2: what guards may outlive what is shown. */
function knownPosition(driverId: string, kept: string | null, now: number, silenceMs: number): KnownPosition | null {
  if (kept === null) return null;
  const [sequence, observedAt, latitude, longitude] = kept.split(" ").map(Number);
  if (sequence === undefined || observedAt === undefined || latitude === undefined || longitude === undefined)
    return null;
  if (!Number.isFinite(latitude) || observedAt + silenceMs <= now) return null;
  return { driverId, latitude, longitude, observedAt, sequence, ageMs: Math.max(0, now - observedAt) };
}
