/** Worlds by their seeds: fast-check draws, shrinks, and tells how to see it again. */
import { AssertionError } from "node:assert";
import fc from "fast-check";
import type { Trace } from "../../src/simulation/engine.ts";
import { describeFault } from "../../src/simulation/faults.ts";
import { quantityScript } from "./quantity-script.ts";
import { runQuantities } from "./quantity-world.ts";
import { runScript } from "./run-script.ts";
import type { Outcome } from "./run-script.ts";
import { anyScript } from "./script.ts";
import type { Script } from "./script.ts";

/** A world that broke an invariant, as small as fast-check could make it. */
export type Broken = {
  readonly seed: number;
  readonly path: string;
  readonly what: string;
};

export type Options = {
  /** Of a world that was shrunk before. */
  readonly path?: string;
  readonly trace?: Trace;
  /** Called with each world that kept everything. */
  readonly passed?: (outcome: Outcome) => void;
  /** Called when a world breaks an invariant, before smaller ones are tried. */
  readonly broke?: () => void;
  /** Makes it no smaller, which takes its time. */
  readonly unshrunk?: boolean;
};

/** A world is made smaller for so long at most. */
const shrinkLimitMs = 20_000;

/** Runs the world of `seed`; null: it keeps every invariant. */
export async function runSeed(
  seed: number,
  { path, trace, passed, broke, unshrunk = false }: Options = {},
): Promise<Broken | null> {
  const property = fc.asyncProperty(anyScript, async (script) => {
    for (const line of trace === undefined ? [] : describeScript(script)) trace?.(0, line);
    const outcome = await runScript(script, trace).catch((error: unknown) => {
      broke?.();
      throw error;
    });
    passed?.(outcome);
  });
  return search(property, seed, { path, unshrunk }, (error) =>
    error instanceof Error && error.name === "Violation" ? error.message : null,
  );
}

/** The same for the small world of what is cached (I10), which has steps instead of time. */
export async function runQuantitySeed(
  seed: number,
  { path, unshrunk = false }: Pick<Options, "path" | "unshrunk"> = {},
): Promise<Broken | null> {
  const property = fc.asyncProperty(quantityScript, (steps) => runQuantities(steps, []));
  return search(property, seed, { path, unshrunk }, (error) =>
    error instanceof AssertionError ? `I10: ${error.message.split("\n", 1).join("")}` : null,
  );
}

type Replay = { readonly path: string | undefined; readonly unshrunk: boolean };

/** `violationIn` says what an error found; null: it is a fault of the world itself, and thrown. */
async function search<Drawn>(
  property: fc.IAsyncProperty<Drawn>,
  seed: number,
  { path, unshrunk }: Replay,
  violationIn: (error: unknown) => string | null,
): Promise<Broken | null> {
  const isReplay = path !== undefined || unshrunk;
  const found = await fc.check(property, {
    seed,
    numRuns: 1,
    endOnFailure: isReplay,
    ...(!isReplay && { interruptAfterTimeLimit: shrinkLimitMs }),
    ...(path !== undefined && { path }),
  });
  if (!found.failed || found.counterexamplePath === null) return null;
  const what = violationIn(found.errorInstance);
  if (what === null) throw found.errorInstance;
  return { seed, path: found.counterexamplePath, what };
}

function describeScript({ partitions, apis, processors, units, faults }: Script): string[] {
  return [
    `${partitions} partitions, ${apis} apis, ${processors} processors; units at first: ${units.join(" ")}`,
    ...faults.map(({ atMs, fault }) => `to come at ${atMs} ms: ${describeFault(fault)}`),
  ];
}
