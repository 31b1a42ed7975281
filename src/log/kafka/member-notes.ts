/**
 * What a member of the group tells the others about itself when it joins, as user data of Kafka's protocol: who it is, and what
 * it holds, `{"v":1,"id":"processor-1","holds":{"orders":[[0,7],[3,2]]}}`, each partition with the epoch of its lease. It is read by
 * whichever member leads, of this version or another one: what can't be read is nothing, never an error.
 */
import type { HeldPartition } from "../log.ts";

export type MemberNotes = {
  readonly instanceId: string;
  /** By topic. */
  readonly holds: ReadonlyMap<string, readonly HeldPartition[]>;
};

const version = 1;

export function writeNotes({ instanceId, holds }: MemberNotes): Buffer {
  const pairs = [...holds].map(
    ([topic, held]) => [topic, held.map(({ partition, epoch }) => [partition, epoch])] as const,
  );
  return Buffer.from(JSON.stringify({ v: version, id: instanceId, holds: Object.fromEntries<number[][]>(pairs) }));
}

/** Undefined: not ours, of another version, or damaged. */
export function readNotes(userData: Buffer): MemberNotes | undefined {
  const parsed = parse(userData);
  if (!isObject(parsed) || parsed.v !== version || typeof parsed.id !== "string" || !isObject(parsed.holds)) {
    return undefined;
  }
  const holds = new Map(Object.entries(parsed.holds).map(([topic, pairs]) => [topic, heldOf(pairs)]));
  return { instanceId: parsed.id, holds };
}

function heldOf(pairs: unknown): HeldPartition[] {
  if (!Array.isArray(pairs)) return [];
  return pairs.flatMap((pair: unknown) => {
    if (!Array.isArray(pair)) return [];
    const [partition, epoch] = pair as unknown[];
    return isWhole(partition) && isWhole(epoch) ? [{ partition, epoch }] : [];
  });
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
