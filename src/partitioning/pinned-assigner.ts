/**
 * Who gets which partition when the group protocol shares them out. In this precedence:
 *
 * I1 Every partition has exactly one member, and their numbers differ by one at most.
 * I2 Who holds a partition keeps it: no more of them move than the balance asks for. Of several who say that they hold one, the
 *    highest epoch counts: the others are out of date, and don't know it yet.
 * I3 What nobody holds, and what has to move, goes to its home (pinned-homes.ts), or to the next best where that is full. Who has
 *    to give something up gives up first what is not at home there, so that an instance that was away gets its own back.
 *
 * Pure: the same answer for the same members in any order. Who believes what decides nothing about who may commit (P10).
 */
import { emptyRoom, settle, takePlace, weightsOf } from "./pinned-homes.ts";
import type { Slot } from "./pinned-homes.ts";

/** A partition that a member says it holds; epoch 0: it was given to it, and it has not claimed it yet. */
export type Holding = Slot & { readonly epoch: number };

export type Member = {
  /** Unique in the group. */
  readonly memberId: string;
  /** Stable over restarts. Members that share one, by mistake, get their shares all the same. */
  readonly instanceId: string;
  readonly holds: readonly Holding[];
};

/** By member id, in the order of topics and partitions; a member with nothing is there too. */
export type Assignment = ReadonlyMap<string, readonly Slot[]>;

export function assignPinned(members: readonly Member[], partitions: readonly Slot[]): Assignment {
  const sorted = members.toSorted((a, b) => compare(a.instanceId, b.instanceId) || compare(a.memberId, b.memberId));
  if (sorted.length === 0) return new Map();
  const slots = partitions.toSorted((a, b) => compare(a.topic, b.topic) || a.partition - b.partition);
  const weights = weightsOf(
    sorted.map(({ instanceId }) => instanceId),
    slots,
  );
  const all = slots.map((_, slot) => slot);
  const homes = settle(all, weights, emptyRoom(slots.length, sorted.length));
  const holders = holdersOf(sorted, slots, weights);
  const isAtHome = (slot: number, member: number): boolean => homes.get(slot) === member;
  const homesOf = (member: number): number => all.filter((slot) => isAtHome(slot, member)).length;

  const room = emptyRoom(slots.length, sorted.length);
  const owners = new Map<number, number>();
  const held = sorted.map((_, member) => all.filter((slot) => holders.get(slot) === member));
  const weightOf = (member: number, slot: number): number => weights[member]?.[slot] ?? 0;
  // I2: where not everybody can have one more than the floor, those keep it whose home share is that large.
  const inTurn = [...held.keys()].toSorted((a, b) => homesOf(b) - homesOf(a) || a - b);
  for (const member of inTurn) {
    const best = (held[member] ?? []).toSorted(
      (a, b) =>
        Number(isAtHome(b, member)) - Number(isAtHome(a, member)) || weightOf(member, b) - weightOf(member, a) || a - b,
    );
    for (const slot of best) if (takePlace(room, member)) owners.set(slot, member);
  }
  const free = all.filter((slot) => !owners.has(slot));
  for (const [slot, member] of settle(free, weights, room)) owners.set(slot, member); // I1, I3
  return new Map(
    sorted.map(({ memberId }, member) => [memberId, slots.filter((_, slot) => owners.get(slot) === member)]),
  );
}

/** Of each slot that is held, the member that is believed: the highest epoch, then the greatest weight (I2). */
function holdersOf(
  sorted: readonly Member[],
  slots: readonly Slot[],
  weights: readonly Uint32Array[],
): ReadonlyMap<number, number> {
  const slotOf = new Map(slots.map((slot, index) => [keyOf(slot), index]));
  const best = new Map<number, { member: number; epoch: number; weight: number }>();
  for (const [member, { holds }] of sorted.entries()) {
    for (const holding of holds) {
      const slot = slotOf.get(keyOf(holding));
      if (slot === undefined) continue; // Of another topic, or of one that was made anew with fewer partitions.
      const { epoch } = holding;
      const weight = weights[member]?.[slot] ?? 0;
      const other = best.get(slot);
      const isBetter = other === undefined || epoch > other.epoch || (epoch === other.epoch && weight > other.weight);
      if (isBetter) best.set(slot, { member, epoch, weight });
    }
  }
  return new Map([...best].map(([slot, { member }]) => [slot, member]));
}

function keyOf({ topic, partition }: Slot): string {
  return `${topic} ${partition}`;
}

/** By code units: the same everywhere, whatever the locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
