// npm run simulate: worlds of the simulation by their seeds, one to look at, many to search, or a mutant to find.
import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Failure, runMain } from "../../local/failure.ts";
import type { Trace } from "../../src/simulation/engine.ts";
import type { Broken } from "./campaign.ts";
import type { Mutant } from "./mutants.ts";
import { mutants } from "./mutants.ts";
import type { Outcome } from "./run-script.ts";
import { addTally, newTally, printTally, tallyOf } from "./tally.ts";
import type { Tally } from "./tally.ts";
import { loadVariant } from "./variants.ts";
import type { Variant } from "./variants.ts";

const usage = `npm run simulate -- [options]
  --seed S [--path P]    one world, told line by line
  --worlds N             N worlds, from a random seed on, or from --seed on; half of them on each core
  --hours H              worlds on every core for so long
  --list-mutants         the names of the guards that can be taken out
  --mutant NAME          looks for the violation without that guard: exit code 1 when it is found, 0 when it is not
  --seconds T            how long to look for a mutant from random seeds (60); without it, its stored seed is tried first
  --check-mutants        every mutant in its stored world, and its siblings alone, which must keep everything there`;

/** Worlds of more than this share accept nothing only when something is wrong with the simulation. */
const idleShareMax = 0.05;

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      path: { type: "string" },
      worlds: { type: "string" },
      hours: { type: "string" },
      seconds: { type: "string" },
      mutant: { type: "string" },
      "list-mutants": { type: "boolean", default: false },
      "check-mutants": { type: "boolean", default: false },
      worker: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const seed = values.seed === undefined ? undefined : whole("seed", values.seed);
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (values["list-mutants"]) {
    for (const { name } of mutants) console.log(name);
    return 0;
  }
  if (values["check-mutants"]) return checkMutants();
  if (values.mutant !== undefined) {
    return findMutant(
      mutantOf(values.mutant),
      seed,
      positive("seconds", values.seconds ?? "60"),
      values.seconds !== undefined,
    );
  }
  if (values.worker) return work(seed ?? 1, Number(values.worlds ?? Infinity), Number(values.hours ?? Infinity));
  if (values.worlds !== undefined || values.hours !== undefined) {
    const first = seed ?? Math.floor(Math.random() * 2 ** 31);
    const worlds = values.worlds === undefined ? undefined : positive("worlds", values.worlds);
    const hours = values.hours === undefined ? undefined : positive("hours", values.hours);
    return campaign(first, worlds, hours);
  }
  if (seed === undefined) throw new Failure(usage);
  return show(seed, values.path);
});

/** One world, told. */
async function show(seed: number, path: string | undefined): Promise<number> {
  const world = await loadVariant("as it is", []);
  const trace: Trace = (atMs, text) => console.log(`${(atMs / 1000).toFixed(4).padStart(9)} s  ${text}`);
  const broken = await world.runSeed(seed, { trace, path: path ?? "0" });
  if (broken === null) {
    console.log(`The world of seed ${seed} keeps every invariant.`);
    return 0;
  }
  console.log(broken.what);
  if (path === undefined) {
    const smaller = await world.runSeed(seed);
    if (smaller !== null) console.log(`A smaller one: ${again(smaller)}`);
  }
  return 1;
}

/** Tries the stored seed, or `seed`; then, or at once where a time was asked for, random ones. */
async function findMutant(
  { name, about, edits, siblings = [], small, seed: stored }: Mutant,
  seed: number | undefined,
  seconds: number,
  isRandom: boolean,
): Promise<number> {
  const variant = await loadVariant(name, [...edits, ...siblings]);
  const until = performance.now() + seconds * 1000;
  const run = runnerOf(variant, small);
  const first = isRandom ? undefined : await run(seed ?? stored);
  if (first !== undefined && first !== null) return found(name, about, first, 1);
  if (seed !== undefined) return 0;
  const from = Math.floor(Math.random() * 2 ** 31);
  for (let tried = 0; performance.now() < until; tried += 1) {
    const broken = await run(from + tried);
    if (broken !== null) return found(name, about, broken, tried + 1);
  }
  console.log(`Without the guard "${name}" (${about}) no world broke in ${seconds} s.`);
  return 0;
}

function found(name: string, about: string, { seed, path, what }: Broken, worlds: number): number {
  console.log(`Without the guard "${name}" (${about}):\n${what}`);
  console.log(`Found in world ${worlds}: --mutant ${name} --seed ${seed}, shrunk to path ${path}`);
  return 1;
}

/** Prints a line for each mutant; 1 when one is not found, or its siblings alone break its world. */
async function checkMutants(): Promise<number> {
  let isFine = true;
  for (const { name, edits, siblings = [], small, seed } of mutants) {
    const mutant = await loadVariant(name, [...edits, ...siblings]);
    const broken = await runnerOf(mutant, small)(seed, { unshrunk: true });
    const alone =
      siblings.length === 0
        ? null
        : await siblingsAlone(name, siblings).then((variant) => runnerOf(variant, small)(seed, { unshrunk: true }));
    const isFound = broken !== null && alone === null;
    isFine &&= isFound;
    const why = broken === null ? "NOT FOUND" : alone === null ? broken.what : `NOT BY ITSELF: ${alone.what}`;
    console.log(`${name}: ${why}`);
  }
  const asItIs = await loadVariant("as it is", []);
  for (const { name, small, seed } of mutants) {
    const broken = await runnerOf(asItIs, small)(seed, { unshrunk: true });
    if (broken === null) continue;
    isFine = false;
    console.log(`${name}: BROKEN WITH ITS GUARD: ${broken.what}`);
  }
  return isFine ? 0 : 1;
}

function runnerOf(variant: Variant, small: true | undefined): Variant["runQuantitySeed"] {
  return small === true ? variant.runQuantitySeed : variant.runSeed;
}

function siblingsAlone(name: string, siblings: Mutant["edits"]): Promise<Variant> {
  return loadVariant(`${name}: siblings alone`, siblings);
}

/** Both cores, each with seeds of its own: one counts up from `first`, the next from a million above it. */
async function campaign(first: number, worlds: number | undefined, hours: number | undefined): Promise<number> {
  const cores = Math.max(1, Math.min(availableParallelism(), worlds ?? Infinity));
  const startedAt = performance.now();
  const results = await Promise.all(
    Array.from({ length: cores }, (_, core) => {
      const args = ["--worker", "--seed", String(first + core * 1_000_000)];
      if (worlds !== undefined) args.push("--worlds", String(Math.ceil(worlds / cores)));
      if (hours !== undefined) args.push("--hours", String(hours));
      return runWorker(args);
    }),
  );
  const all = newTally();
  for (const result of results) addTally(all, result);
  printTally(all, (performance.now() - startedAt) / 1000);
  if (all.worlds * idleShareMax < all.idle) {
    console.log(`${all.idle} of ${all.worlds} worlds accepted nothing: the simulation itself is not fit.`);
    return 1;
  }
  return all.broken.length === 0 ? 0 : 1;
}

function runWorker(args: readonly string[]): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const script = import.meta.filename;
    execFile(
      process.execPath,
      [...process.execArgv, script, ...args],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, stdout) => {
        const last = stdout.trimEnd().split("\n").at(-1) ?? "";
        if (last.startsWith("{")) resolve(JSON.parse(last) as Tally);
        else reject(error ?? new Failure("a worker said nothing"));
      },
    );
  });
}

/** Prints its tally as one line of JSON. */
async function work(first: number, worlds: number, hours: number): Promise<number> {
  const world = await loadVariant("as it is", []);
  const tally = newTally();
  const until = performance.now() + hours * 3_600_000;
  for (let seed = first; tally.worlds < worlds && performance.now() < until; seed += 1) {
    let isFirst = true;
    // Of a world that broke, smaller ones are tried, which are none of the campaign.
    const passed = (outcome: Outcome): void => {
      if (isFirst) addTally(tally, tallyOf(outcome));
    };
    const broken = await world.runSeed(seed, { passed, broke: () => (isFirst = false) });
    if (broken === null) continue;
    tally.worlds += 1;
    tally.broken.push(again(broken));
  }
  console.log(JSON.stringify(tally));
  return 0;
}

function again({ seed, path, what }: Broken): string {
  return `${what}\n  npm run simulate -- --seed ${seed} --path ${path}`;
}

function mutantOf(name: string): Mutant {
  const mutant = mutants.find((each) => each.name === name);
  if (mutant === undefined) throw new Failure(`There is no mutant ${name}; --list-mutants names them.`);
  return mutant;
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value)) throw new Failure(`--${name} must be a whole number.`);
  return value;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Failure(`--${name} must be a number above 0.`);
  return value;
}
