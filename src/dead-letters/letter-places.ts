/** How operators name a letter: by its record's place in the log, `partition:offset`. */
import { v5 } from "uuid";
import { tallymanNamespace } from "../schemas/command-namespace.ts";
import type { Place } from "../stores/ledger-store.ts";

export function placeText({ partition, offset }: Place): string {
  return `${partition}:${offset}`;
}

/** Undefined: it is none. */
export function placeFrom(text: string): Place | undefined {
  const [, partition, offset] = /^(\d{1,9}):(\d{1,15})$/.exec(text) ?? [];
  return partition === undefined || offset === undefined
    ? undefined
    : { partition: Number(partition), offset: Number(offset) };
}

/** The id of the command that a letter is redriven as: the same each time, so that redriving it twice is one command (P1). */
export function redriveId(place: Place): string {
  return v5(`redrive:${placeText(place)}`, tallymanNamespace);
}

/** Stands with a redriven command on the log: `{topic}:{partition}:{offset}`. */
export const redrivenFromHeader = "tallyman-redriven-from";
