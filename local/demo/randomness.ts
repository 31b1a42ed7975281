/** Chance from a seed, so that a demo may be had again. */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

export type Randomness = {
  /** At least `from`, and below `to`. */
  between(from: number, to: number): number;
  /** Both ends are among them. */
  integer(from: number, to: number): number;
  chance(probability: number): boolean;
  /** Throws where there is nothing to choose from. */
  pick<T>(list: readonly T[]): T;
  shuffled<T>(list: readonly T[]): T[];
};

export function createRandomness(seed: number): Randomness {
  const generator = xoroshiro128plus(seed);
  const between = (from: number, to: number): number => from + uniformFloat64(generator) * (to - from);
  const integer = (from: number, to: number): number => Math.floor(between(from, to + 1));
  const pick = <T>(list: readonly T[]): T => {
    const picked = list[integer(0, list.length - 1)];
    if (picked === undefined) throw new Error("there is nothing to choose from");
    return picked;
  };
  return {
    between,
    integer,
    chance: (probability) => between(0, 1) < probability,
    pick,
    shuffled: (list) => {
      const rest = [...list];
      return list.map(() => {
        const index = integer(0, rest.length - 1);
        const [taken] = rest.splice(index, 1);
        if (taken === undefined) throw new Error("as many are taken as there are");
        return taken;
      });
    },
  };
}
