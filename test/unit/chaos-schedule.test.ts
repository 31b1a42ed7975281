import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { faultKinds } from "../chaos/fault-kinds.ts";
import { createSchedule, thingsOf } from "../chaos/schedule.ts";

const seeds = fc.nat({ max: 2 ** 31 - 1 });

describe("a schedule", () => {
  test("follows from its seed and its length, and from nothing else", () => {
    const check = (seed: number): void => {
      expect(createSchedule(seed, 3)).toEqual(createSchedule(seed, 3));
    };
    fc.assert(fc.property(seeds, check), { numRuns: 20 });
    expect(createSchedule(1, 3)).not.toEqual(createSchedule(2, 3));
  });

  test("of four minutes has each kind of fault", () => {
    const check = (seed: number): void => {
      const kinds = new Set(createSchedule(seed, 4).faults.map(({ kind }) => kind.name));
      expect(kinds.size).toBe(faultKinds.length);
    };
    fc.assert(fc.property(seeds, check), { numRuns: 50 });
  });

  test("begins in order, is over in time, and never has one thing faulty in two ways", () => {
    const check = (seed: number, minutes: number): void => {
      const { faults } = createSchedule(seed, minutes);
      const freeAt = new Map<string, number>();
      for (const [index, { kind, at, lastsMs, members }] of faults.entries()) {
        expect(at).toBeGreaterThanOrEqual(faults[index - 1]?.at ?? 0);
        expect(at + lastsMs).toBeLessThanOrEqual(minutes * 60_000);
        for (const thing of thingsOf(kind, members)) {
          expect(at).toBeGreaterThanOrEqual(freeAt.get(thing) ?? 0);
          freeAt.set(thing, at + lastsMs);
        }
      }
    };
    fc.assert(fc.property(seeds, fc.integer({ min: 1, max: 20 }), check), { numRuns: 30 });
  });

  test("has faults of several kinds at once", () => {
    const check = (seed: number): void => {
      const { faults } = createSchedule(seed, 2);
      const meets = faults.filter(({ at, lastsMs }, index) => (faults[index + 1]?.at ?? Infinity) < at + lastsMs);
      expect(meets.length).toBeGreaterThan(1); // Of 20,000 seeds none has fewer than 5; half have 16.
    };
    fc.assert(fc.property(seeds, check), { numRuns: 50 });
  });

  test("of a long run ends no process that is spared, one of each role", () => {
    const check = (seed: number): void => {
      const { faults, spared } = createSchedule(seed, 12);
      expect(spared.map((name) => name.split("-")[0])).toEqual(["api", "processor"]);
      const ended = faults.filter(({ kind: { does } }) =>
        does.to === "member" ? does.what === "kill" : does.to === "members in turn",
      );
      expect(ended.flatMap(({ members }) => members).filter((name) => spared.includes(name))).toEqual([]);
      expect(createSchedule(seed, 2).spared).toEqual([]);
    };
    fc.assert(fc.property(seeds, check), { numRuns: 20 });
  });
});
