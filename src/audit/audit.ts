/**
 * The audit: the log and the ledger folded again by a model that shares no code with the decider, and compared with what
 * PostgreSQL and Redis have. It writes nothing. Beside orders and stock it holds one page of each stream, whatever their length.
 *
 * While the system runs: progress is read first, and everything in PostgreSQL is read as it was at that moment; the log below
 * that progress never changes. What lies above it is lag. Redis is read before PostgreSQL is asked what it is now.
 */
import { limits } from "../limits.ts";
import type { LogReader } from "../log/log-reader.ts";
import type { LogInspector } from "../log/log.ts";
import type { LogEnds } from "../log/log.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import type { AuditCache } from "../stores/audit-cache.ts";
import type { AuditSnapshot, AuditStore, AuditedPartition } from "../stores/audit-store.ts";
import { auditCached } from "./cached.ts";
import type { CachedCounts, LateMarks } from "./cached.ts";
import { Findings } from "./findings.ts";
import { auditLives } from "./order-lives.ts";
import { auditPlaces } from "./places.ts";
import type { DecidedRange, PlacesCounts } from "./places.ts";
import { auditTallies } from "./tallies.ts";

export type AuditDeps = {
  readonly store: AuditStore;
  readonly cache: AuditCache;
  readonly inspector: Pick<LogInspector, "ends">;
  readonly reader: Pick<LogReader, "read">;
  readonly codec: Pick<CommandCodec, "decode" | "learn">;
  /** The command id of a product's first delivery. */
  readonly initialStockId: (productId: string) => string;
};

export type AuditOptions = {
  /** Nothing is being written: what is not decided or told is a difference too. */
  readonly atRest: boolean;
  /** Differences that are kept to be shown. */
  readonly shownMax: number;
  readonly signal?: AbortSignal;
};

export type AuditReport = {
  readonly findings: Findings;
  readonly log: PlacesCounts;
  readonly cache: CachedCounts;
  /** Products with lines. */
  readonly products: number;
  /** Offsets between what is decided and the log's end, over all partitions. */
  readonly undecided: number;
  /** Offsets between what is told and what is decided. */
  readonly untold: number;
};

/** Rejects as its ports do, and with the signal's reason when it is aborted. */
export async function audit(deps: AuditDeps, options: AuditOptions): Promise<AuditReport> {
  const { store, cache, inspector } = deps;
  const { atRest, signal } = options;
  const findings = new Findings(options.shownMax);
  const cached = await auditCached({ cache, now: store.now, findings, atRest });
  signal?.throwIfAborted();
  const rest = await store.atOneMoment(async (snapshot) => {
    const partitions = await snapshot.partitions();
    const progress = auditProgress(partitions, await inspector.ends(), findings, atRest);
    const repeated = (commandId: string): void => void cached.lateMarks.delete(commandId);
    const log = await auditPlaces(
      { snapshot, reader: abortable(deps.reader, signal), codec: deps.codec, findings, repeated },
      progress.ranges,
    );
    signal?.throwIfAborted();
    const products = await auditTallies({ snapshot, findings });
    signal?.throwIfAborted();
    await auditLives({ snapshot, findings });
    await auditLetters(snapshot, progress.undecided === 0, findings);
    await auditCatalogue(snapshot, deps.initialStockId, findings);
    for await (const page of snapshot.stepFaults()) {
      for (const { orderId, says } of page) findings.add("A21", { commandId: orderId }, says);
    }
    for await (const page of snapshot.viewDifferences()) {
      for (const { view, commandId } of page) findings.add("A14", { commandId }, `${view} does not show it as it is`);
    }
    return { log, products, undecided: progress.undecided, untold: progress.untold };
  });
  tellLateMarks(cached.lateMarks, findings);
  return { findings, cache: cached.counts, ...rest };
}

type Progress = { readonly ranges: DecidedRange[]; readonly undecided: number; readonly untold: number };

function auditProgress(
  partitions: readonly AuditedPartition[],
  ends: ReadonlyMap<number, LogEnds>,
  findings: Findings,
  atRest: boolean,
): Progress {
  let undecided = 0;
  let untold = 0;
  const ranges: DecidedRange[] = [];
  for (const { partition, nextOffset, effectsOffset } of partitions) {
    const say = (kind: "A12" | "A18", says: string): void => findings.add(kind, { partition }, says);
    const { low, high } = ends.get(partition) ?? { low: 0, high: 0 };
    if (low > nextOffset) say("A12", `the log begins at ${low}, and ${nextOffset} is the next to be decided`);
    if (high < nextOffset) say("A12", `the log ends at ${high}, and all below ${nextOffset} was decided`);
    if (effectsOffset > nextOffset) say("A12", `told up to ${effectsOffset}, decided up to ${nextOffset}`);
    undecided += Math.max(0, high - nextOffset);
    untold += Math.max(0, nextOffset - effectsOffset);
    if (atRest && high > nextOffset) say("A18", `decided up to ${nextOffset}, and the log ends at ${high}`);
    if (atRest && effectsOffset < nextOffset) say("A18", `told up to ${effectsOffset}, decided up to ${nextOffset}`);
    ranges.push({ partition, low, end: Math.min(nextOffset, high) });
  }
  const known = new Set(partitions.map(({ partition }) => partition));
  for (const [partition, { low, high }] of ends) {
    if (known.has(partition) || high === low) continue;
    undecided += high - low;
    if (atRest) findings.add("A18", { partition }, `nobody has decided it, and the log ends at ${high}`);
  }
  return { ranges, undecided, untold };
}

/** `isDecided`: everything on the log, where a redriven command may be on its way. */
async function auditLetters(snapshot: AuditSnapshot, isDecided: boolean, findings: Findings): Promise<void> {
  for await (const page of snapshot.forgotten()) {
    for (const { productId, letters } of page) {
      findings.add("A19", { productId }, `${letters} commands wait, and the product is not parked`);
    }
  }
  for await (const page of snapshot.overtaken()) {
    for (const { productId, commandId, partition, offset } of page) {
      const says = `it waits, and one of ${String(productId)} that came later was resumed`;
      findings.add("A19", { partition, offset, ...(commandId === null ? {} : { commandId }) }, says);
    }
  }
  if (!isDecided) return;
  for await (const page of snapshot.unsent()) {
    for (const { partition, offset, redrivenAs } of page) {
      findings.add("A20", { partition, offset }, `it was redriven as ${redrivenAs}, and nothing was stored of that`);
    }
  }
}

async function auditCatalogue(
  snapshot: AuditSnapshot,
  initialStockId: AuditDeps["initialStockId"],
  findings: Findings,
): Promise<void> {
  for await (const page of snapshot.catalogue()) {
    const deliveries = await snapshot.linesById(page.map(({ productId }) => initialStockId(productId)));
    for (const { productId, initialStock } of page) {
      const commandId = initialStockId(productId);
      const line = deliveries.get(commandId);
      // Not there: it is on its way, or its caller was told to send it again.
      if (line === undefined) continue;
      if (line.type === "ReceiveStock" && line.productId === productId && line.quantity === initialStock) continue;
      const found = `a ${line.type} of ${line.quantity} for ${line.productId}`;
      findings.add(
        "A13",
        { productId, commandId },
        `its initial stock is ${initialStock}, its first delivery ${found}`,
      );
    }
  }
}

function tellLateMarks(marks: LateMarks, findings: Findings): void {
  for (const [orderId, says] of marks) findings.add("A16", { key: `order:${orderId}` }, says);
}

function abortable(reader: AuditDeps["reader"], signal: AbortSignal | undefined): AuditDeps["reader"] {
  return {
    async *read(wanted) {
      for await (const range of reader.read(wanted)) {
        signal?.throwIfAborted();
        yield range;
      }
    },
  };
}

/** As many differences as an audit keeps, whatever it is asked for. */
export function shownWithin(wanted: number): number {
  return Math.min(wanted, limits.auditDifferencesMax);
}
