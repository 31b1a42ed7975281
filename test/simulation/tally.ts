/** What a campaign saw, so that its figures can be added up over cores. */
import type { Outcome } from "./run-script.ts";

export type Tally = {
  worlds: number;
  /** Worlds in which no order was accepted. */
  idle: number;
  steps: number;
  /** Seconds of virtual time. */
  seconds: number;
  acknowledged: number;
  accepted: number;
  decided: number;
  faults: Record<string, number>;
  losses: Record<string, number>;
  /** What broke, with the command that shows it. */
  broken: string[];
};

export function newTally(): Tally {
  return {
    worlds: 0,
    idle: 0,
    steps: 0,
    seconds: 0,
    acknowledged: 0,
    accepted: 0,
    decided: 0,
    faults: {},
    losses: {},
    broken: [],
  };
}

export function tallyOf({ world, history }: Outcome): Tally {
  const { ledger, engine, faults } = world;
  const lines = [...ledger.lines.values()];
  const accepted = lines.filter(({ type, delta }) => type === "PlaceOrder" && delta < 0).length;
  const losses: Record<string, number> = {};
  for (const service of Object.values(world.services)) {
    for (const [name, count] of Object.entries(service.losses)) losses[name] = (losses[name] ?? 0) + count;
  }
  return {
    worlds: 1,
    idle: accepted === 0 ? 1 : 0,
    steps: engine.steps,
    seconds: engine.now / 1000,
    acknowledged: history.acknowledged.size,
    accepted,
    decided: lines.length,
    faults: Object.fromEntries(faults),
    losses,
    broken: [],
  };
}

export function addTally(to: Tally, more: Tally): void {
  for (const name of ["worlds", "idle", "steps", "seconds", "acknowledged", "accepted", "decided"] as const) {
    to[name] += more[name];
  }
  for (const counts of ["faults", "losses"] as const) {
    for (const [name, count] of Object.entries(more[counts])) to[counts][name] = (to[counts][name] ?? 0) + count;
  }
  to.broken.push(...more.broken);
}

export function printTally(tally: Tally, seconds: number): void {
  const { worlds, idle, steps, acknowledged, accepted, decided, faults, losses, broken } = tally;
  const whole = (value: number): string => Math.round(value).toLocaleString("en");
  console.log(
    `${whole(worlds)} worlds in ${whole(seconds)} s (${whole((worlds / seconds) * 3600)} an hour), ${whole(idle)} accepted nothing`,
  );
  console.log(`${whole(steps)} steps in ${whole(tally.seconds)} s of virtual time`);
  console.log(
    `${whole(acknowledged)} commands acknowledged, ${whole(decided)} decided, ${whole(accepted)} orders accepted`,
  );
  console.log(`faults: ${listed(faults)}`);
  console.log(`requests: ${listed(losses)}`);
  for (const what of broken) console.log(`BROKEN ${what}`);
  console.log(`${broken.length} violations`);
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count.toLocaleString("en")}`)
    .join(", ");
}
