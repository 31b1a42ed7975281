/**
 * Where partitions are at home: rendezvous hashing (highest random weight). Each partition has a weight for each instance, and
 * ranks the instances by it; who comes or goes changes nothing about the others. As nobody may have more than a fair share,
 * a partition whose first instance is full is at home with its next one.
 */
import { murmur2OfString } from "./murmur2.ts";

/** A partition of a topic. */
export type Slot = { readonly topic: string; readonly partition: number };

/** `weights[member][slot]`, each a whole number of 32 bits, by the instances' names. */
export function weightsOf(names: readonly string[], slots: readonly Slot[]): readonly Uint32Array[] {
  const weigh = (name: string) => (slot: Slot) => murmur2OfString(`${name} ${slot.topic} ${slot.partition}`);
  return names.map((name) => Uint32Array.from(slots, weigh(name)));
}

/** How many slots each member may have: `floor`, and one more for as many members as there are `extras`. */
export type Room = { readonly counts: number[]; readonly floor: number; extras: number };

/** Nobody has anything yet: fair shares, which differ by one at most. */
export function emptyRoom(slotCount: number, memberCount: number): Room {
  const floor = Math.floor(slotCount / memberCount);
  return { counts: Array.from({ length: memberCount }, () => 0), floor, extras: slotCount - floor * memberCount };
}

/** Takes a place for one slot, if the member has one left. */
export function takePlace(room: Room, member: number): boolean {
  const count = room.counts[member] ?? 0;
  if (count > room.floor || (count === room.floor && room.extras === 0)) return false;
  if (count === room.floor) room.extras -= 1;
  room.counts[member] = count + 1;
  return true;
}

/**
 * Puts each of `wanted` (indexes of slots) with the first member of its own ranking that has room: all first choices before the
 * second ones. Returns the member of each. The room must be enough.
 */
export function settle(
  wanted: readonly number[],
  weights: readonly Uint32Array[],
  room: Room,
): ReadonlyMap<number, number> {
  const weightOf = (member: number, slot: number): number => weights[member]?.[slot] ?? 0;
  const members = weights.map((_, member) => member);
  const rankings = wanted.map((slot) => ({
    slot,
    ranking: members.toSorted((a, b) => weightOf(b, slot) - weightOf(a, slot) || a - b),
  }));
  const settled = new Map<number, number>();
  for (const choice of members) {
    for (const { slot, ranking } of rankings) {
      const member = ranking[choice];
      if (member !== undefined && !settled.has(slot) && takePlace(room, member)) settled.set(slot, member);
    }
  }
  return settled;
}
