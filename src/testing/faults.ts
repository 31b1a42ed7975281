/** What goes wrong while a user's code runs: as values that can be written down, drawn, shrunk and printed. */
import { limits } from "../limits.ts";
import type { Fault as WorldFault, ProcessKind } from "../simulation/faults.ts";

/** Requests of the user's code, and answers to it, get lost on their way: so many of all, for `forMs` milliseconds. */
export type LossyHttp = { readonly do: "lossy http"; readonly rate: number; readonly forMs: number };
export type Fault = WorldFault | LossyHttp;
/** `atMs`: milliseconds after the first run began. */
export type TimedFault = { readonly atMs: number } & Fault;

/** Early ones are many: most clients are done soon. */
const startsMs = [0, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] as const;
const amounts = [0, 1, 2, 3] as const;
const processNumbers = [0, 1, 2] as const;
type Amount = (typeof amounts)[number];
type Maker = (amount: Amount, number: number) => Fault;

const rate = (amount: Amount): number => [0.1, 0.25, 0.5, 0.8][amount] ?? 0.1;
const forMs = (amount: Amount): number => [300, 1_000, 3_000, 8_000][amount] ?? 300;
/** Longer than the group's session, so that another processor takes over before this one wakes. */
const zombieMs = (amount: Amount): number => [7_000, 8_000, 10_000, 15_000][amount] ?? 7_000;
const factor = (amount: Amount): number => [10, 50, 100, 400][amount] ?? 10;

const kill = (kind: ProcessKind): Maker => {
  return (amount, number) => ({ do: "kill", kind, number, backMs: forMs(amount) });
};
const stop = (kind: ProcessKind, ms: (amount: Amount) => number): Maker => {
  return (amount, number) => ({ do: "stop", kind, number, forMs: ms(amount), suspended: amount % 2 === 1 });
};
const away = (service: "store" | "cache" | "log", how: "refusing" | "hanging"): Maker => {
  return (amount) => ({ do: "away", service, how, forMs: forMs(amount) });
};
const lossy = (service: "store" | "cache" | "log"): Maker => {
  return (amount) => ({ do: "lossy", service, rate: rate(amount), forMs: forMs(amount) });
};
const slow = (service: "store" | "cache" | "log"): Maker => {
  return (amount) => ({ do: "slow", service, factor: factor(amount), forMs: forMs(amount) });
};

const lossyHttp: Maker = (amount) => ({ do: "lossy http", rate: rate(amount), forMs: forMs(amount) });

/** What a caller notices most comes first, for numbers shrink towards it, and several times: half of all faults are of these. */
const makers: readonly Maker[] = [
  ...Array.from({ length: 8 }, () => lossyHttp),
  ...Array.from({ length: 6 }, () => lossy("log")),
  ...Array.from({ length: 4 }, () => kill("api")),
  ...Array.from({ length: 2 }, () => stop("api", forMs)),
  () => ({ do: "rebalance" }),
  kill("processor"),
  stop("processor", zombieMs),
  away("log", "refusing"),
  away("log", "hanging"),
  away("store", "refusing"),
  away("store", "hanging"),
  away("cache", "refusing"),
  away("cache", "hanging"),
  lossy("store"),
  lossy("cache"),
  slow("log"),
  slow("store"),
  slow("cache"),
  () => ({ do: "flush cache" }),
  (_amount, number) => ({ do: "expire", number }),
  (_amount, number) => ({ do: "restart", number }),
  () => ({ do: "join" }),
  (amount, number) => ({ do: "cut off", kind: "processor", number, service: "store", forMs: forMs(amount) }),
  (amount, number) => ({ do: "cut off", kind: "api", number, service: "log", forMs: forMs(amount) }),
  (amount) => ({ do: "grow", times: 2, hurried: amount === 3 }),
  (amount, number) => ({ do: "wall clock", kind: "api", number, ms: (amount - 2) * 20_000 }),
];

/** How many faults `faultsFrom` knows: numbers from 0 to one less. */
export const faultCount = makers.length * startsMs.length * amounts.length * processNumbers.length;

/** A number of faults such as a bad day brings; `whole` gives a whole number from min to max, both included. */
export function usualFaults(whole: (min: number, max: number) => number): TimedFault[] {
  return faultsFrom(Array.from({ length: whole(1, limits.testingUsualFaultsMax) }, () => whole(0, faultCount - 1)));
}

/** One fault for each number, the same for the same. Smaller numbers are earlier, milder faults; any whole number is one. */
export function faultsFrom(numbers: readonly number[]): TimedFault[] {
  return numbers.map((number) => {
    if (!Number.isSafeInteger(number)) throw new TypeError(`${number} is no whole number, so it is no fault`);
    let rest = Math.abs(number) % faultCount;
    const take = <T>(from: readonly T[]): T => {
      const item = from[rest % from.length];
      if (item === undefined) throw new Error("there is nothing to take from");
      rest = Math.floor(rest / from.length);
      return item;
    };
    const make = take(makers);
    const atMs = take(startsMs);
    const amount = take(amounts);
    return { atMs, ...make(amount, take(processNumbers)) };
  });
}
