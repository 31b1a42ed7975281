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
    if ("orderId" in command) orderIds.add(command.orderId);
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

/** What deciding and writing the chunks costs, in commands: a ResumeProduct may decide many. */
export function weightOf(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, { entries, resumes }) => {
    return sum + entries.length + resumes.reduce((most, { commandsMax }) => most + commandsMax, 0);
  }, 0);
}

export type GatherLimits = { readonly groupCommandsMax: number; readonly groupBytesMax: number };

/** Takes what is ready, lease by lease, beginning at another one each turn, up to the bounds of a group. */
export function gather(leases: readonly Lease[], turn: number, limits: GatherLimits): Chunk[] {
  const first = turn % leases.length;
  const chunks: Chunk[] = [];
  let room = limits.groupCommandsMax;
  let bytes = 0;
  for (const lease of [...leases.slice(first), ...leases.slice(0, first)]) {
    for (let chunk = lease.ready[0]; chunk !== undefined && room > 0; chunk = lease.ready[0]) {
      const fitting = Math.max(countWithin(chunk, room), chunks.length === 0 ? 1 : 0);
      const isFull = bytes > 0 && bytes + chunk.bytes > limits.groupBytesMax;
      if (isFull || (fitting < 1 && chunk.entries.length > 0)) return chunks;
      lease.ready.shift();
      if (fitting < chunk.entries.length) {
        const [head, rest] = splitChunk(chunk, fitting);
        lease.ready.unshift(rest);
        chunk = head;
      }
      room -= weightOf([chunk]);
      bytes += chunk.bytes;
      chunks.push(chunk);
    }
  }
  return chunks;
}

/** How many entries of the chunk, from its first, weigh no more than there is room for. */
function countWithin({ entries, resumes }: Chunk, room: number): number {
  if (resumes.length === 0) return Math.min(entries.length, room);
  let weight = 0;
  for (const [index, entry] of entries.entries()) {
    weight += 1;
    if ("command" in entry && entry.command.type === "ResumeProduct") weight += entry.command.commandsMax;
    if (weight > room) return index;
  }
  return entries.length;
}

export function leasesOf(chunks: readonly Chunk[]): Lease[] {
  return [...new Set(chunks.map(({ lease }) => lease))];
}

export function placeOf(entry: Entry): { readonly partition: number; readonly offset: number } {
  if ("letter" in entry) return entry.letter;
  return "refused" in entry ? entry.refused : entry;
}
