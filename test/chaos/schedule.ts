/**
 * Which faults a run goes through, and when: all of it follows from the seed and the length of the run, and nothing else does.
 *
 * I1 Every kind comes once before any comes twice, so that a short run has each of them; but partitions, of which there are
 *    twice as many each time, grow in the first of three rounds, three times in all.
 * I2 Faults overlap, but one thing is faulty in one way at a time: a fault that meets another one of the same thing comes
 *    after it.
 * I3 Every fault is over when the time is.
 */
import fc from "fast-check";
import type { Release } from "../support/link.ts";
import { faultKinds } from "./fault-kinds.ts";
import type { FaultKind, RoleName } from "./fault-kinds.ts";

const byRole = { api: ["api-1", "api-2"], processor: ["processor-1", "processor-2", "processor-3"] } as const;
export const members = [...byRole.api, ...byRole.processor] as const;
export type MemberName = (typeof members)[number];

export type Fault = {
  readonly kind: FaultKind;
  /** Milliseconds after the run's begin. */
  readonly at: number;
  /** How long what is away stays away; 0 for what happens at once. */
  readonly lastsMs: number;
  /** The processes that it hits; none for a fault of a service. */
  readonly members: readonly MemberName[];
  /** Of a slow link, each way. */
  readonly delayMs: number;
  /** How what was held goes on. */
  readonly release: Release;
  /** Of answers that get lost, how many at most, and of Kafka's, how. */
  readonly count: number;
  readonly lost: "cut" | "silent";
};

export type Schedule = {
  readonly seed: number;
  readonly minutes: number;
  readonly faults: readonly Fault[];
  /** Processes that are never ended, so that their memory can be judged; none in a short run. */
  readonly spared: readonly MemberName[];
};

/** Mean time between the begins of two faults. One round of kinds in three is calm, so that some faults meet no other. */
const meanGapsMs = [3_600, 3_600, 16_000] as const;
/** Before the first fault: something is decided and cached. */
const leadMs = 3_000;
const betweenMs = 500;
const sparedFromMinutes = 12;
const growthsMax = 3;
/** What one restart takes, as far as the schedule knows. */
const turnMs = 4_000;

const draw = fc.record({
  /** Of 1,000. */
  gap: fc.nat({ max: 1_000 }),
  lasts: fc.nat({ max: 1_000 }),
  who: fc.nat({ max: 1_000_000 }),
  howMany: fc.nat({ max: 9 }),
  delayMs: fc.integer({ min: 5, max: 250 }),
  release: fc.constantFrom<Release>("late", "cut"),
  count: fc.integer({ min: 1, max: 6 }),
  lost: fc.constantFrom<Fault["lost"]>("cut", "silent"),
});

const round = fc
  .tuple(
    fc.shuffledSubarray([...faultKinds], { minLength: faultKinds.length }),
    fc.array(draw, { minLength: faultKinds.length, maxLength: faultKinds.length }),
  )
  .map(([kinds, draws]) => draws.flatMap((each, n) => (kinds[n] === undefined ? [] : [{ kind: kinds[n], ...each }])));

export function createSchedule(seed: number, minutes: number): Schedule {
  const endMs = minutes * 60_000;
  const rounds = Math.ceil(endMs / (faultKinds.length * Math.min(...meanGapsMs))) + 1;
  const drawn = fc.sample(fc.array(round, { minLength: rounds, maxLength: rounds }), {
    seed,
    numRuns: 1,
    unbiased: true,
  });
  const spared =
    minutes < sparedFromMinutes ? [] : (["api", "processor"] as const).flatMap((role) => one(byRole[role], seed));
  const faults: Fault[] = [];
  const freeAt = new Map<string, number>();
  let at = leadMs;
  for (const [index, faultsOfRound] of (drawn[0] ?? []).entries()) {
    for (const { kind, gap, lasts, who, howMany, ...rest } of faultsOfRound) {
      const growths = index / meanGapsMs.length;
      if (kind.does.to === "partitions" && !(Number.isInteger(growths) && growths < growthsMax)) continue; // I1
      const hit = membersHit(kind, who, howMany, spared);
      const things = thingsOf(kind, hit);
      const [least, most] = kind.lastsMs;
      const lastsMs = Math.round(least + ((most - least) * lasts) / 1_000);
      const takesMs = kind.does.to === "members in turn" ? hit.length * turnMs : lastsMs;
      const beginsAt = Math.max(at, ...things.map((thing) => freeAt.get(thing) ?? 0)); // I2
      at += Math.round((2 * gap * (meanGapsMs[index % meanGapsMs.length] ?? 0)) / 1_000);
      if (beginsAt + takesMs > endMs) continue; // I3
      for (const thing of things) freeAt.set(thing, beginsAt + takesMs + betweenMs);
      faults.push({ kind, at: beginsAt, lastsMs, members: hit, ...rest });
    }
  }
  return { seed, minutes, faults: faults.toSorted((a, b) => a.at - b.at), spared };
}

function membersHit({ does }: FaultKind, who: number, howMany: number, spared: readonly MemberName[]): MemberName[] {
  const mortal = (role: RoleName): MemberName[] => byRole[role].filter((member) => !spared.includes(member));
  switch (does.to) {
    case "member":
      return one(does.what === "kill" ? mortal(does.role) : byRole[does.role], who);
    case "members in turn":
      return mortal(does.role);
    case "service":
    case "redis's content":
    case "partitions":
      return [];
    case "links": {
      // Nobody but the apis produces.
      if (does.service === "kafka" && does.what === "lose answers")
        return howMany < 5 ? [...byRole.api] : one(byRole.api, who);
      return howMany < 2 ? [...members] : howMany < 4 ? [...byRole.processor] : one(members, who);
    }
  }
}

const one = <Item>(from: readonly Item[], who: number): Item[] =>
  from.slice(who % from.length, (who % from.length) + 1);

/** What a fault has to itself while it lasts. */
export function thingsOf({ does }: FaultKind, hit: readonly MemberName[]): string[] {
  switch (does.to) {
    case "member":
    case "members in turn":
      return [...hit];
    case "service":
      return [does.service];
    case "redis's content":
      return ["redis"];
    case "partitions":
      return ["partitions"];
    case "links":
      return hit.map((member) => `${member} to ${does.service}`);
  }
}

/** Whether the command that makes partitions grow is killed when the fault has lasted, or comes to its end. */
export const isCommandKilled = (lost: Fault["lost"]): boolean => lost === "silent";

/** A few words about it, for people. */
export function describeFault({ kind, lastsMs, members: hit, delayMs, release, count, lost }: Fault): string {
  const { does } = kind;
  const how: string[] = [];
  if (does.to === "links") {
    if (does.what === "slow") how.push(`by ${delayMs} ms`);
    if (does.what === "hold") how.push(release === "late" ? "then delivered late" : "then cut");
    if (does.what === "lose answers") how.push(`${count} at most${does.service === "kafka" ? `, ${lost}` : ""}`);
  }
  if (does.to === "partitions" && isCommandKilled(lost)) how.push("when the command is killed");
  return [
    kind.name,
    ...(hit.length > 0 ? [`of ${hit.join(", ")}`] : []),
    ...(lastsMs > 0 ? [`for ${(lastsMs / 1_000).toFixed(1)} s`] : []),
    ...how,
  ].join(", ");
}
