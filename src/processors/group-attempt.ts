/** One try to commit a group: reads what memory lacks, decides, writes. What its failure means is the group commit's business. */
import assert from "node:assert/strict";
import type { Stock } from "../schemas/lines.ts";
import type { CommitReceipt, GroupWrite, Prefetch, Snapshot } from "../stores/ledger-store.ts";
import { decideGroup } from "./decide-group.ts";
import type { DecidedGroup, Waiting } from "./decide-group.ts";
import { leasesOf } from "./chunks.ts";
import type { Chunk } from "./lease.ts";
import type { ProcessorDeps } from "./processor-deps.ts";
import { readWaiting } from "./waiting.ts";
import type { StockBase } from "./working.ts";

export type AttemptDeps = Pick<ProcessorDeps, "store" | "codec" | "metrics">;

export type Attempt = {
  readonly chunks: readonly Chunk[];
  /** Lock first, then decide: memory has just been wrong (P5). */
  readonly locked: boolean;
  /** Look up ids before the insert: duplicates have just been met (P6). */
  readonly watchDuplicates: boolean;
};

/** `live` are the chunks that were still owned when they were decided. */
export type Committed = {
  readonly group: DecidedGroup;
  readonly receipt: CommitReceipt;
  readonly live: readonly Chunk[];
};

const nothingFound: Snapshot = { stock: new Map(), parked: new Set(), lines: new Map(), stockAtVersion: new Map() };

/** Rejects as the store does, and with `SchemaSourceUnavailable` when what waits was written with a schema that can't be had. */
export async function attempt(deps: AttemptDeps, { chunks, locked, watchDuplicates }: Attempt): Promise<Committed> {
  const { store, codec, metrics } = deps;
  const resumes = chunks.flatMap((chunk) => chunk.resumes);
  const waiting = resumes.length === 0 ? new Map<string, Waiting>() : await readWaiting(store, codec, resumes);
  const wanted = wantedBy(chunks, waiting, locked, watchDuplicates);
  const base = locked ? () => undefined : stockBase(chunks);
  const outcome: { group?: DecidedGroup; live: readonly Chunk[] } = { live: chunks };
  const decideAll = (found: Snapshot): GroupWrite => {
    outcome.live = chunks.filter(({ lease }) => !lease.isAborted()); // Time has passed since the group began.
    const entries = outcome.live.flatMap((chunk) => chunk.entries);
    outcome.group = decideGroup(entries, { base, found, waiting, encode: (command) => codec.encode(command) });
    return { ...outcome.group.write, advances: advancesOf(outcome.live) };
  };
  const watched = metrics.commitSeconds.startTimer();
  let receipt: CommitReceipt;
  if (locked) {
    const partitions = leasesOf(chunks).map(({ partition }) => partition);
    receipt = await store.commitLocked(partitions, wanted, decideAll);
  } else {
    const nothing = wanted.productIds.length + wanted.commandIds.length + wanted.versions.length === 0;
    receipt = await store.commit(decideAll(nothing ? nothingFound : await store.prefetch(wanted)));
  }
  watched();
  assert(outcome.group !== undefined, "a commit has decided");
  return { group: outcome.group, receipt, live: outcome.live };
}

/** What memory lacks: everything in a locked retry. */
function wantedBy(
  chunks: readonly Chunk[],
  waiting: ReadonlyMap<string, Waiting | undefined>,
  everything: boolean,
  watchDuplicates: boolean,
): Prefetch {
  const productIds = new Set<string>();
  const commandIds = new Set<string>();
  const versions = chunks.flatMap((chunk) => chunk.versions);
  for (const chunk of chunks) {
    for (const id of chunk.productIds) if (everything || !chunk.lease.stock.has(id)) productIds.add(id);
    for (const id of chunk.orderIds) commandIds.add(id);
    for (const { commandId } of chunk.resumes) commandIds.add(commandId);
    if (!everything && !watchDuplicates) continue;
    for (const entry of chunk.entries) if ("command" in entry) commandIds.add(entry.command.commandId);
  }
  for (const waits of waiting.values()) {
    for (const { command } of waits?.commands ?? []) {
      commandIds.add(command.commandId);
      if ("orderId" in command) commandIds.add(command.orderId);
      if (command.type === "CountStock" && command.asOfVersion !== null) {
        versions.push({ productId: command.productId, version: command.asOfVersion });
      }
    }
  }
  return { productIds: [...productIds], commandIds: [...commandIds], versions };
}

function advancesOf(chunks: readonly Chunk[]): GroupWrite["advances"] {
  return leasesOf(chunks).map((lease) => {
    const own = chunks.filter((chunk) => chunk.lease === lease);
    const [first, last] = [own[0], own.at(-1)];
    assert(first !== undefined && last !== undefined, "a lease of the group has a chunk in it");
    return {
      partition: lease.partition,
      epoch: lease.epoch,
      from: first.from,
      to: last.to,
      effectsOffset: lease.effects.done,
      last: own.findLast((chunk) => chunk.last !== null)?.last ?? null,
    };
  });
}

function stockBase(chunks: readonly Chunk[]): StockBase {
  const leases = new Map(chunks.map(({ lease }) => [lease.partition, lease]));
  return (partition, productId): Stock | undefined => leases.get(partition)?.stock.get(productId);
}
