/** Chunks, and what a group does with them: cut, halve, tell whose they are. */
import type { LastRecord } from "../stores/ledger-store.ts";
import type { Entry } from "./decide-group.ts";
import type { Chunk, Lease } from "./lease.ts";

export type ChunkParts = Pick<Chunk, "lease" | "from" | "to" | "entries" | "bytes"> & {
  readonly last: LastRecord | null;
};

/** Notes what deciding will need to know. */
export function makeChunk(parts: ChunkParts): Chunk {
  const productIds = new Set<string>();
  const orderIds = new Set<string>();
  const versions: { productId: string; version: number }[] = [];
  const resumes: Chunk["resumes"][number][] = [];
  for (const entry of parts.entries) {
    if ("letter" in entry) continue;
    const { command } = "refused" in entry ? entry.refused : entry;
    productIds.add(command.productId);
    if (command.type === "CancelOrder") orderIds.add(command.orderId);
    if (command.type === "ResumeProduct") resumes.push(command);
    if (command.type === "CountStock" && command.asOfVersion !== null) {
      versions.push({ productId: command.productId, version: command.asOfVersion });
    }
  }
  return { ...parts, productIds: [...productIds], orderIds: [...orderIds], versions, resumes };
}

/** Cuts a chunk in two, the first with `count` entries, so that a group keeps its bound. */
export function splitChunk(chunk: Chunk, count: number): [Chunk, Chunk] {
  const { lease, from, to, entries, last } = chunk;
  const next = entries[count];
  const cut = next === undefined ? to : placeOf(next).offset;
  const bytes = Math.floor((chunk.bytes * count) / entries.length);
  return [
    makeChunk({ lease, from, to: cut, entries: entries.slice(0, count), bytes, last: null }),
    makeChunk({ lease, from: cut, to, entries: entries.slice(count), bytes: chunk.bytes - bytes, last }),
  ];
}

/**
 * Two parts of what was refused as a whole: half of the partitions each, or of one partition the first half of its entries and
 * then the rest (P7). Undefined: there is nothing to halve.
 */
export function halve(chunks: readonly Chunk[]): [readonly Chunk[], readonly Chunk[]] | undefined {
  const leases = leasesOf(chunks);
  if (leases.length > 1) {
    const first = new Set(leases.slice(0, leases.length >> 1));
    return [chunks.filter(({ lease }) => first.has(lease)), chunks.filter(({ lease }) => !first.has(lease))];
  }
  const total = chunks.reduce((sum, chunk) => sum + chunk.entries.length, 0);
  if (total < 2) return undefined;
  const head: Chunk[] = [];
  const rest = [...chunks];
  for (let room = total >> 1; room > 0;) {
    const chunk = rest.shift();
    if (chunk === undefined) break;
    if (chunk.entries.length <= room) {
      head.push(chunk);
      room -= chunk.entries.length;
    } else {
      const [one, two] = splitChunk(chunk, room);
      head.push(one);
      rest.unshift(two);
      room = 0;
    }
  }
  return [head, rest];
}

export function leasesOf(chunks: readonly Chunk[]): Lease[] {
  return [...new Set(chunks.map(({ lease }) => lease))];
}

export function placeOf(entry: Entry): { readonly partition: number; readonly offset: number } {
  if ("letter" in entry) return entry.letter;
  return "refused" in entry ? entry.refused : entry;
}
