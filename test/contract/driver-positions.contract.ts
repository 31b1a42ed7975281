/** What whoever keeps the positions of drivers does. */
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import type { DriverPosition, DriverPositions, PositionOutcome } from "../../src/stores/driver-positions.ts";

export type PositionsWorld = {
  /** Two that share what is kept, as two instances do; they forget 3 silent ones at a time. */
  readonly instances: readonly [DriverPositions, DriverPositions];
  /** The clock that decides. */
  now(): Promise<number>;
  pass(ms: number): Promise<unknown>;
  /** Everything is lost. */
  flush(): Promise<unknown>;
  close(): unknown;
};

const { driverSilenceMs: silenceMs, positionSkewMs: skewMs } = limits;
/** Long enough for a slow machine to come between. */
const soonMs = 2_500;
const marienplatz = { latitude: 48.137154, longitude: 11.576124 };

export function describeDriverPositions(where: string, open: () => Promise<PositionsWorld>): void {
  let world: PositionsWorld;
  let positions: DriverPositions;
  let other: DriverPositions;
  let now: number;
  beforeAll(async () => {
    world = await open();
    [positions, other] = world.instances;
  });
  beforeEach(async () => {
    await world.flush();
    now = await world.now();
  });
  afterEach(() => world.flush());
  afterAll(() => world.close());

  const at = (sequence: number, fields: Partial<DriverPosition> = {}): DriverPosition => ({
    driverId: "grace",
    ...marienplatz,
    observedAt: now,
    sequence,
    ...fields,
  });
  const read = async (driverId = "grace") => (await positions.read([driverId]))[0];
  const near = async (meters = 1_000) =>
    (await positions.nearest(marienplatz, meters, 100)).map(({ driverId }) => driverId);
  /** A few metres further to the north with each number. */
  const north = (steps: number) => ({ ...marienplatz, latitude: marienplatz.latitude + steps / 10_000 });

  describe(`positions of drivers ${where}`, () => {
    test("come back as they were put, with their age", async () => {
      expect(await read()).toBe(null);
      const put = at(7, { observedAt: now - 5_000, latitude: -33.856784123, longitude: 151.215297 });
      expect(await positions.put(put)).toEqual({ kind: "applied", sequence: 7 });
      const found = await read();
      expect(found).toEqual({ ...put, ageMs: expect.any(Number) as number });
      expect(found?.ageMs).toBeGreaterThanOrEqual(5_000);
      expect(found?.ageMs).toBeLessThan(65_000);
      expect(await other.read(["ada", "grace"])).toEqual([null, expect.objectContaining(put)]);
    });

    test("an older one, and the same again, change nothing and say so", async () => {
      await positions.put(at(7));
      for (const sequence of [7, 6, 0]) {
        const late = at(sequence, { observedAt: now + 1, latitude: 1 });
        expect(await other.put(late)).toEqual({ kind: "not_newer", sequence: 7 });
      }
      expect(await read()).toMatchObject(at(7));
      const largest = Number.MAX_SAFE_INTEGER;
      expect(await positions.put(at(largest - 1))).toEqual({ kind: "applied", sequence: largest - 1 });
      expect(await positions.put(at(largest))).toEqual({ kind: "applied", sequence: largest });
      expect(await positions.put(at(largest - 1))).toEqual({ kind: "not_newer", sequence: largest });
    });

    test("of the future are refused, but for what clocks may differ", async () => {
      const soon = at(2, { observedAt: now + skewMs - 100 });
      expect(await positions.put(soon)).toEqual({ kind: "applied", sequence: 2 });
      expect(await read()).toMatchObject({ ageMs: 0 });
      const late = at(3, { observedAt: (await world.now()) + skewMs + 60_000 });
      expect(await positions.put(late)).toEqual({ kind: "in_future", sequence: 2 });
      expect(await read()).toMatchObject({ sequence: 2 });
    });

    test("that are older than the silence are not taken", async () => {
      expect(await positions.put(at(2, { observedAt: now - silenceMs }))).toEqual({ kind: "too_old", sequence: null });
      expect(await positions.put(at(2, { observedAt: 0 }))).toEqual({ kind: "too_old", sequence: null });
      expect(await read()).toBe(null);
      await positions.put(at(3));
      expect(await positions.put(at(4, { observedAt: now - silenceMs }))).toEqual({ kind: "too_old", sequence: 3 });
      expect(await near()).toEqual(["grace"]);
    });

    test("are gone when the driver is silent, and a sequence may begin anew", async () => {
      await positions.putMany([at(9, { observedAt: now - silenceMs + soonMs }), at(1, { driverId: "ada" })]);
      expect(await near()).toHaveLength(2);
      await world.pass(soonMs);
      expect(await read()).toBe(null);
      expect(await near()).toEqual(["ada"]);
      expect(await positions.put(at(1))).toEqual({ kind: "applied", sequence: 1 });
      expect(await near()).toHaveLength(2);
    });

    test("a clock that was set back: its position is gone sooner, and what came before still guards", async () => {
      await positions.put(at(5));
      const setBack = at(6, { observedAt: now - silenceMs + soonMs });
      expect(await positions.put(setBack)).toEqual({ kind: "applied", sequence: 6 });
      await world.pass(soonMs);
      expect(await read()).toBe(null);
      expect(await near()).toEqual([]);
      expect(await positions.put(at(5))).toEqual({ kind: "not_newer", sequence: 6 });
      expect(await positions.put(at(7))).toEqual({ kind: "applied", sequence: 7 });
    });

    test("the nearest come first, so many and so far away as asked", async () => {
      const ids = [3, 1, 4, 2, 5].map((steps) => ({ driverId: `d${steps}`, ...north(steps * 10) }));
      await positions.putMany(ids.map((fields) => at(1, fields)));
      await positions.put(at(1, { driverId: "far", latitude: 48.2 }));
      const found = await other.nearest(marienplatz, 450, 3);
      expect(found.map(({ driverId }) => driverId)).toEqual(["d1", "d2", "d3"]);
      for (const [index, { distanceMeters }] of found.entries())
        expect(distanceMeters).toBeCloseTo(111.2 * (index + 1), -1);
      expect(found[0]).toMatchObject(at(1, { driverId: "d1", ...north(10) }));
      expect(await near(450)).toEqual(["d1", "d2", "d3", "d4"]);
      expect(await near(100)).toEqual([]);
      expect(await near(10_000)).toHaveLength(6);
      // Who has moved is near where they are now.
      await positions.put(at(2, { driverId: "d1", latitude: 48.2 }));
      expect(await near(450)).toEqual(["d2", "d3", "d4"]);
    });

    test("silent ones are in nobody's way, however many there are and however near", async () => {
      const ids = Array.from({ length: 11 }, (_, n) => ({ driverId: `silent-${n}`, ...marienplatz }));
      await positions.putMany(ids.map((fields) => at(1, { ...fields, observedAt: now - silenceMs + soonMs })));
      await positions.put(at(1, north(3)));
      expect(await near()).toHaveLength(12);
      await world.pass(soonMs);
      const found = await positions.nearest(marienplatz, 1_000, 1);
      expect(found.map(({ driverId }) => driverId)).toEqual(["grace"]);
    });

    test("at the edges of what there is", async () => {
      const latitude = limits.positionLatitudeMax;
      for (const [sequence, place] of [
        { latitude, longitude: 180 },
        { latitude: -latitude, longitude: -180 },
        { latitude: 1e-7, longitude: -1e-7 },
        { latitude: 0, longitude: 0 },
      ].entries()) {
        const put = at(sequence, place);
        expect(await positions.put(put)).toEqual({ kind: "applied", sequence });
        expect(await read()).toMatchObject(put);
        expect(await positions.nearest(place, 10, 1)).toMatchObject([{ driverId: "grace" }]);
      }
    });

    test("what is withdrawn is shown to nobody, and still guards against older ones", async () => {
      await positions.put(at(5));
      await other.withdraw("grace");
      await other.withdraw("nobody");
      expect(await read()).toBe(null);
      expect(await near()).toEqual([]);
      expect(await positions.put(at(5))).toEqual({ kind: "not_newer", sequence: 5 });
      expect(await positions.put(at(6))).toEqual({ kind: "applied", sequence: 6 });
      expect(await read()).toMatchObject({ sequence: 6 });
      expect(await near()).toEqual(["grace"]);
    });

    test("many at once are put one after another, each with its own outcome", async () => {
      const drivers = limits.positionScriptEntriesMax / 2 + 10;
      const many = Array.from({ length: drivers }, (_, n) => [3, 2, 4].map((s) => at(s, { driverId: `d${n}` }))).flat();
      const outcomes = await positions.putMany(many);
      expect(outcomes).toHaveLength(many.length);
      const expected: PositionOutcome[] = [
        { kind: "applied", sequence: 3 },
        { kind: "not_newer", sequence: 3 },
        { kind: "applied", sequence: 4 },
      ];
      expect(outcomes).toEqual(many.map((_, index) => expected[index % 3]));
      const found = await positions.read(many.map(({ driverId }) => driverId));
      expect(found.every((each) => each?.sequence === 4)).toBe(true);
      expect(await positions.putMany([])).toEqual([]);
    });

    test("a lost Redis is a beginning: what comes next is taken", async () => {
      await positions.put(at(9));
      await world.flush();
      expect(await read()).toBe(null);
      expect(await positions.put(at(1))).toEqual({ kind: "applied", sequence: 1 });
    });

    test("whoever writes at the same time, in whatever order: the highest sequence stays, and the answers say so", async () => {
      const sequences = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 6 });
      const writers = fc.array(fc.record({ sequences, isOther: fc.boolean(), isBatch: fc.boolean() }), {
        minLength: 2,
        maxLength: 5,
      });
      let round = 0;
      await fc.assert(
        fc.asyncProperty(writers, async (all) => {
          const driverId = `driver-${(round += 1)}`;
          const write = async ({ sequences: own, isOther, isBatch }: (typeof all)[number]) => {
            const store = isOther ? other : positions;
            // Each position says which sequence it is of, so that a mix of two would be seen.
            const puts = own.map((sequence) => at(sequence, { driverId, longitude: sequence }));
            if (isBatch) return store.putMany(puts);
            const outcomes: PositionOutcome[] = [];
            for (const put of puts) outcomes.push(await store.put(put));
            return outcomes;
          };
          const outcomes = await Promise.all(all.map(write));
          const told = all.flatMap(({ sequences: own }, writer) =>
            own.map((sequence, index) => ({ sequence, outcome: outcomes[writer]?.[index] })),
          );
          const highest = Math.max(...told.map(({ sequence }) => sequence));
          expect(await read(driverId)).toMatchObject({ sequence: highest, longitude: highest });
          const applied = told.filter(({ outcome }) => outcome?.kind === "applied").map(({ sequence }) => sequence);
          expect(applied).toContain(highest);
          expect(new Set(applied).size).toBe(applied.length);
          for (const { sequence, outcome } of told) {
            expect(outcome?.kind).toBeOneOf(["applied", "not_newer"]);
            if (outcome?.kind === "applied") expect(outcome.sequence).toBe(sequence);
            else expect(outcome?.sequence).toBeGreaterThanOrEqual(sequence);
          }
        }),
        { numRuns: 60 },
      );
    });
  });
}
