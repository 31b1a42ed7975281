/** Histories for the audit's tests: commands decided by the real decider, and what a store and a log would show of them. */
import { audit } from "../../src/audit/audit.ts";
import type { AuditDeps, AuditOptions, AuditReport } from "../../src/audit/audit.ts";
import { decide, evolve } from "../../src/processors/stock.ts";
import type { FetchedRange, LogRecord } from "../../src/log/log.ts";
import type { Command, LoggedCommand } from "../../src/schemas/commands.ts";
import type { Line, Stock } from "../../src/schemas/lines.ts";
import type {
  AuditReads,
  AuditSnapshot,
  AuditedPartition,
  KeptRecord,
  LifeRow,
  TallyRow,
} from "../../src/stores/audit-store.ts";
import { versionKey } from "../../src/stores/ledger-store.ts";

/** What a producer sent: a command, bytes that are none, or a marker, which no reader sees. */
export type Sent = { readonly partition: number; readonly what: Command | "garbage" | "marker" };

export type History = {
  readonly log: readonly (readonly Sent["what"][])[];
  readonly lines: Map<string, Line>;
  readonly stock: Map<string, Stock>;
  readonly kept: KeptRecord[];
  readonly partitions: AuditedPartition[];
};

const valueOf = (partition: number, offset: number): Buffer => Buffer.from(`${partition}/${offset}`);

/** Decides everything in the order in which it was sent. */
export function historyOf(sent: readonly Sent[], partitionCount: number): History {
  const log: Sent["what"][][] = Array.from({ length: partitionCount }, () => []);
  const lines = new Map<string, Line>();
  const stock = new Map<string, Stock>();
  const stockAt = new Map<string, number>();
  const kept: KeptRecord[] = [];
  for (const { partition, what } of sent) {
    const records = log[partition] ?? [];
    const offset = records.push(what) - 1;
    if (what === "garbage") {
      const value = valueOf(partition, offset);
      kept.push({ partition, offset, kind: "undecodable", outcome: null, commandId: null, key: value, value });
    } else if (what !== "marker") decideOne({ command: what, partition, offset }, lines, stock, stockAt);
  }
  const partitions = log.map((records, partition) => ({
    partition,
    epoch: 1,
    nextOffset: records.length,
    effectsOffset: records.length,
  }));
  return { log, lines, stock, kept, partitions };
}

function decideOne(
  logged: LoggedCommand,
  lines: Map<string, Line>,
  stock: Map<string, Stock>,
  stockAt: Map<string, number>,
): void {
  const { command } = logged;
  const { productId } = command;
  const decision = decide(
    {
      stock: stock.get(productId),
      line: lines.get(command.commandId),
      order: command.type === "CancelOrder" ? lines.get(command.orderId) : undefined,
      stockAtVersion:
        command.type === "CountStock" && command.asOfVersion !== null
          ? stockAt.get(versionKey(productId, command.asOfVersion))
          : undefined,
    },
    logged,
  );
  if (decision.kind === "repeated") return;
  for (const line of [...decision.lines, ...decision.changes.map((change) => change.line)]) {
    lines.set(line.commandId, line);
  }
  const after = decision.answer.status === "accepted" ? evolve(decision.answer) : undefined;
  if (after === undefined) return;
  stock.set(productId, after);
  stockAt.set(versionKey(productId, after.version), after.quantity);
}

/** Audits it, at rest and without a cache. */
export function auditHistory(
  history: History,
  overrides: Partial<AuditDeps> = {},
  now: Partial<AuditReads> = {},
  options: Partial<AuditOptions> = {},
): Promise<AuditReport> {
  const snapshot = snapshotOf(history);
  const deps: AuditDeps = {
    store: {
      atOneMoment: (work) => work(snapshot),
      now: {
        partitions: () => snapshot.partitions(),
        stock: () => Promise.resolve(new Map()),
        lines: () => Promise.resolve(new Map()),
        linesOfVersions: () => Promise.resolve(new Map()),
        ...now,
      },
      close: () => Promise.resolve(),
    },
    cache: { owners: () => Promise.resolve(new Map()), entries: () => pagesOf([]), close: () => undefined },
    inspector: {
      ends: () =>
        Promise.resolve(new Map(history.log.map(({ length }, partition) => [partition, { low: 0, high: length }]))),
    },
    reader: {
      async *read(wanted) {
        await Promise.resolve();
        for (const { partition, from, to } of wanted)
          yield* rangesOf(history.log[partition] ?? [], partition, from, to);
      },
    },
    codec: {
      learn: () => Promise.resolve(),
      decode: (_key, value) => {
        const [partition = 0, offset = 0] = String(value).split("/").map(Number);
        const what = history.log[partition]?.[offset];
        return typeof what === "object"
          ? { kind: "command", command: what }
          : { kind: "undecodable", reason: "malformed_avro" };
      },
    },
    initialStockId: (productId) => `initial-${productId}`,
    ...overrides,
  };
  return audit(deps, { atRest: true, shownMax: 10, ...options });
}

/** Cut after every third record, so that ranges have ends. */
function* rangesOf(
  records: readonly Sent["what"][],
  partition: number,
  from: number,
  to: number,
): Generator<FetchedRange> {
  for (let at = from; at < to; at += 3) {
    const end = Math.min(at + 3, to);
    const shown = records.slice(at, end).flatMap((what, index): LogRecord[] => {
      const value = valueOf(partition, at + index);
      return what === "marker" ? [] : [{ offset: at + index, key: value, value, headers: {} }];
    });
    yield { partition, from: at, to: end, records: shown };
  }
}

type Rank = string | number;

/** In the order of several keys, strings by their code units as PostgreSQL's "C". */
function sortedBy<Row>(rows: Iterable<Row>, keysOf: (row: Row) => readonly Rank[]): Row[] {
  const compare = (a: Rank = 0, b: Rank = 0): number => (a < b ? -1 : a > b ? 1 : 0);
  return [...rows].toSorted((a, b) => {
    const [keys, others] = [keysOf(a), keysOf(b)];
    const at = keys.findIndex((key, index) => key !== others[index]);
    return at < 0 ? 0 : compare(keys[at], others[at]);
  });
}

async function* pagesOf<Row>(rows: readonly Row[]): AsyncGenerator<readonly Row[]> {
  for (let at = 0; at < rows.length; at += 4) yield await Promise.resolve(rows.slice(at, at + 4));
}

/** What the statements in src/stores/postgres/audit/ give, made from lines. */
function snapshotOf({ lines, stock, kept, partitions }: History): AuditSnapshot {
  const all = [...lines.values()];
  const place = ({ partition, offset }: { partition: number; offset: number }) => [partition, offset];
  const isBooked = ({ reason, type, quantity }: Line) => reason === null && (type !== "CancelOrder" || quantity > 0);
  const tally = (line: Line, lookedBack: boolean): TallyRow => ({
    ...line,
    booked: isBooked(line),
    lookedBack,
    wasKept: kept.some(({ partition, offset }) => partition === line.partition && offset === line.offset),
  });
  const atVersion = (row: TallyRow): number => (row.lookedBack ? (row.asOfVersion ?? 0) : row.version);
  const lookedBack = all.filter(({ type, asOfVersion }) => type === "CountStock" && asOfVersion !== null);
  const cancels = all.filter(({ type }) => type === "CancelOrder");
  const named = new Set(cancels.map(({ orderId }) => orderId));
  const lives: (LifeRow & { rank: number })[] = [
    ...all
      .filter((line) => named.has(line.commandId) || (line.type === "PlaceOrder" && line.status === "cancelled"))
      .map((line) => ({ ...line, life: line.commandId, role: "order" as const, rank: 0 })),
    ...cancels.map((line) => ({
      ...line,
      life: line.orderId,
      role: "cancel" as const,
      rank: line.reason === null ? 1 : 2,
    })),
  ];
  return {
    partitions: () => Promise.resolve(partitions),
    linesByPlace: () => pagesOf(sortedBy(all, place)),
    keptByPlace: () => pagesOf(sortedBy(kept, place)),
    linesById: (ids) =>
      Promise.resolve(
        new Map(
          ids.flatMap((id) => {
            const line = lines.get(id);
            return line === undefined ? [] : [[id, line]];
          }),
        ),
      ),
    linesByProduct: () =>
      pagesOf(
        sortedBy([...all.map((line) => tally(line, false)), ...lookedBack.map((line) => tally(line, true))], (row) => [
          row.productId,
          atVersion(row),
          row.lookedBack ? 1 : 0,
          row.booked ? 0 : 1,
          row.partition,
          row.offset,
        ]),
      ),
    stockByProduct: () =>
      pagesOf(
        sortedBy(
          [...stock].map(([productId, at]) => ({ productId, ...at })),
          ({ productId }) => [productId],
        ),
      ),
    linesByOrder: () => pagesOf(sortedBy(lives, ({ life, rank }) => [life ?? "~", rank])),
    catalogue: () => pagesOf([]),
    viewDifferences: () => pagesOf([]),
  };
}
