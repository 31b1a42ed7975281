/** What `tallyman topology` shows of each partition, from what PostgreSQL, the log and the group say. Pure. */
import type { LogEnds } from "../log/log.ts";
import type { PartitionRow } from "../stores/topology-store.ts";

/**
 * `unclaimed` nobody ever had it; `owned`; `draining` its owner is to let go of it, and another one waits; `released` its owner has
 * let go, and nobody claimed it since; `gone` its owner is not in the group; `halted` the log is not the one that was decided, so
 * that nobody goes on; `no log` the topic does not have it.
 */
export type PartitionState = "unclaimed" | "owned" | "draining" | "released" | "gone" | "halted" | "no log";

export type TopologyRow = {
  readonly partition: number;
  readonly instance: string | null;
  readonly epoch: number;
  readonly claimedAt: number | null;
  readonly state: PartitionState;
  readonly awaitedBy: string | null;
  readonly nextOffset: number;
  /** Records that are not decided. Null: the log does not tell. */
  readonly lagRecords: number | null;
  /** Age of the oldest of them, by the log's own time; 0 where there is none, null where it could not be read. */
  readonly lagSeconds: number | null;
  readonly lastDecisionAt: number | null;
  readonly fencedCommits: number;
};

export type Found = {
  readonly rows: readonly PartitionRow[];
  /** Null: the log is away. */
  readonly ends: ReadonlyMap<number, LogEnds> | null;
  /** Instances in the group; null: it can't be told. */
  readonly members: ReadonlySet<string> | null;
};

/** Where the oldest undecided record of each partition is that has one. */
export function oldestUndecided({ rows, ends }: Pick<Found, "rows" | "ends">): ReadonlyMap<number, number> {
  const next = new Map(rows.map(({ partition, nextOffset }) => [partition, nextOffset]));
  return new Map(
    [...(ends ?? [])].flatMap(([partition, { low, high }]) => {
      const from = Math.max(next.get(partition) ?? 0, low);
      return from < high ? [[partition, from] as const] : [];
    }),
  );
}

/** In order. `times`: the log's time of the oldest undecided records, as far as they could be read. */
export function topologyRows(found: Found, times: ReadonlyMap<number, number>, now: number): TopologyRow[] {
  const rows = new Map(found.rows.map((row) => [row.partition, row]));
  const partitions = [...new Set([...rows.keys(), ...(found.ends?.keys() ?? [])])].toSorted((a, b) => a - b);
  return partitions.map((partition) => {
    const row = rows.get(partition);
    const ends = found.ends?.get(partition);
    const lagRecords = ends === undefined ? null : Math.max(0, ends.high - Math.max(row?.nextOffset ?? 0, ends.low));
    const oldest = times.get(partition);
    const age = oldest === undefined ? null : Math.max(0, now - oldest) / 1_000;
    return {
      partition,
      instance: row?.owner ?? null,
      epoch: row?.epoch ?? 0,
      claimedAt: row?.claimedAt ?? null,
      state: stateOf(row, ends, found),
      awaitedBy: row?.awaitedBy ?? null,
      nextOffset: row?.nextOffset ?? 0,
      lagRecords,
      lagSeconds: lagRecords === 0 ? 0 : age,
      lastDecisionAt: row?.lastDecisionAt ?? null,
      fencedCommits: row?.fencedCommits ?? 0,
    };
  });
}

function stateOf(
  row: PartitionRow | undefined,
  ends: LogEnds | undefined,
  { ends: all, members }: Found,
): PartitionState {
  if (all !== null && ends === undefined) return "no log";
  if (row === undefined) return "unclaimed";
  if (ends !== undefined && (ends.high < row.nextOffset || ends.low > row.nextOffset)) return "halted";
  if (row.released) return "released";
  if (members !== null && !members.has(row.owner)) return "gone";
  return row.awaitedBy === null ? "owned" : "draining";
}

const columns: readonly (readonly [title: string, textOf: (row: TopologyRow) => string, isText?: "text"])[] = [
  ["partition", ({ partition }) => String(partition)],
  ["instance", ({ instance }) => instance ?? "-", "text"],
  ["epoch", ({ epoch }) => String(epoch)],
  ["state", ({ state }) => state, "text"],
  ["next offset", ({ nextOffset }) => String(nextOffset)],
  ["lag", ({ lagRecords }) => (lagRecords === null ? "?" : String(lagRecords))],
  ["lag s", ({ lagSeconds }) => (lagSeconds === null ? "?" : lagSeconds.toFixed(1))],
  [
    "last decision",
    ({ lastDecisionAt }) => (lastDecisionAt === null ? "-" : new Date(lastDecisionAt).toISOString()),
    "text",
  ],
  ["fenced", ({ fencedCommits }) => String(fencedCommits)],
];

/** A table, and what has to be said about it, a line each. */
export function* topologyLines(rows: readonly TopologyRow[]): Generator<string> {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, textOf]) => textOf(row)))];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  for (const line of cells) {
    const padded = columns.map(([, , isText], column) => {
      const [cell, width] = [line[column] ?? "", widths[column] ?? 0];
      return isText === undefined ? cell.padStart(width) : cell.padEnd(width);
    });
    yield padded.join("  ").trimEnd();
  }
  for (const { partition, instance, awaitedBy } of rows.filter(({ state }) => state === "draining")) {
    yield `Partition ${partition}: ${awaitedBy ?? ""} waits until ${instance ?? ""} lets go of it, a moment at most.`;
  }
  const of = (state: PartitionState): string =>
    rows.flatMap((row) => (row.state === state ? [row.partition] : [])).join(", ");
  for (const [state, says] of Object.entries(remarks) as [PartitionState, string][]) {
    if (of(state) !== "") yield `${state}: ${of(state)}. ${says}`;
  }
}

const remarks: Partial<Record<PartitionState, string>> = {
  unclaimed: "No processor has had it yet.",
  released: "Its owner has stopped, and nobody has it now.",
  gone: "Its instance is not in the group; another one has it soon, if there is one.",
  halted: "The log is not the one that was decided, and nobody goes on: see docs/operations.md, A halted partition.",
  "no log": "PostgreSQL knows it, and the topic does not have it.",
};
