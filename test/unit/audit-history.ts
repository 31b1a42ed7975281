/** Histories for the audit's tests: commands decided by the real decider, and what a store and a log would show of them. */
import { createHash } from "node:crypto";
import { audit } from "../../src/audit/audit.ts";
import type { AuditDeps, AuditOptions, AuditReport } from "../../src/audit/audit.ts";
import { decideGroup } from "../../src/processors/decide-group.ts";
import type { Entry } from "../../src/processors/decide-group.ts";
import { letterOfRecord } from "../../src/processors/letters.ts";
import type { FetchedRange, LogRecord } from "../../src/log/log.ts";
import type { Command } from "../../src/schemas/commands.ts";
import type { Line, Stock, StoredLine } from "../../src/schemas/lines.ts";
import type { AuditReads, AuditSnapshot, AuditedPartition, KeptRecord } from "../../src/stores/audit-store.ts";
import type { LifeRow, ResumedLetter, TallyRow } from "../../src/stores/audit-store.ts";
import type { LetterOutcome } from "../../src/stores/dead-letter-store.ts";
import { versionKey } from "../../src/stores/ledger-store.ts";
import type { DeadLetter, GroupWrite } from "../../src/stores/ledger-store.ts";

/** What a producer sent: a command, bytes that are none, or a marker, which no reader sees. */
export type Sent = {
  readonly partition: number;
  readonly what: Command | "garbage" | "marker";
  /** PostgreSQL refuses what this would write: its product parks. */
  readonly refused?: boolean;
};

export type Letter = DeadLetter & { letterId: number; outcome: LetterOutcome | null; redrivenAs?: string };

export type History = {
  readonly log: readonly (readonly Sent["what"][])[];
  readonly lines: Map<string, Line>;
  readonly stock: Map<string, Stock>;
  readonly parked: Set<string>;
  readonly letters: Letter[];
  readonly partitions: AuditedPartition[];
};

const valueOf = (partition: number, offset: number): Buffer => Buffer.from(`${partition}/${offset}`);

/** Decides everything in the order in which it was sent, in groups of these sizes, taken in turn; what is refused by itself. */
export function historyOf(sent: readonly Sent[], partitionCount: number, groupSizes: readonly number[] = [1]): History {
  const log: Sent["what"][][] = Array.from({ length: partitionCount }, () => []);
  const entries = sent.flatMap(({ partition, what, refused }): Entry[] => {
    const offset = (log[partition] ?? []).push(what) - 1;
    if (what === "marker") return [];
    if (what === "garbage") {
      const value = valueOf(partition, offset);
      return [{ letter: letterOfRecord(partition, { offset, key: value, value, headers: {} }, "malformed_avro") }];
    }
    const logged = { command: what, partition, offset };
    return [refused === true ? { refused: logged, reason: "23514" } : logged];
  });
  const partitions = log.map(({ length }, partition) => ({
    partition,
    epoch: 1,
    nextOffset: length,
    effectsOffset: length,
  }));
  const history: History = { log, lines: new Map(), stock: new Map(), parked: new Set(), letters: [], partitions };
  const stockAt = new Map<string, number>();
  for (let at = 0, turn = 0; at < entries.length; turn += 1) {
    const group = entries.slice(at, at + (groupSizes[turn % groupSizes.length] ?? 1));
    const culprit = group.findIndex((entry) => "refused" in entry);
    const alone = culprit < 0 ? group : group.slice(0, Math.max(1, culprit));
    apply(history, decide(history, alone, stockAt), stockAt);
    at += alone.length;
  }
  return history;
}

function decide(
  { lines, stock, parked, letters }: History,
  entries: readonly Entry[],
  stockAt: ReadonlyMap<string, number>,
) {
  const open = letters.filter(({ outcome, productId }) => outcome === null && productId !== null);
  const commandsOf = (productId: string) =>
    open
      .filter((letter) => letter.productId === productId)
      .map(({ value, partition, offset }) => ({
        command: JSON.parse(String(value)) as Command,
        place: { partition, offset },
      }));
  const stored = [...lines.values()].map((line): [string, StoredLine] => [line.commandId, { ...line, decidedAt: 0 }]);
  const { write } = decideGroup(entries, {
    base: () => undefined,
    found: { stock, parked, lines: new Map(stored), stockAtVersion: stockAt },
    waiting: new Map([...parked].map((productId) => [productId, { commands: commandsOf(productId), more: false }])),
    encode: (command) => Buffer.from(JSON.stringify(command)),
  });
  return write;
}

function apply(history: History, write: Omit<GroupWrite, "advances">, stockAt: Map<string, number>): void {
  const { lines, stock, parked, letters } = history;
  for (const line of [...write.lines, ...write.changes.map((change) => change.line)]) {
    lines.set(line.commandId, withoutTime(line));
    if (line.version > 0) stockAt.set(versionKey(line.productId, line.version), line.stockAfter);
  }
  for (const { productId, after } of [...write.stock, ...write.parked]) if (after !== null) stock.set(productId, after);
  for (const { productId, because } of write.parked) {
    if (because === null) parked.delete(productId);
    else parked.add(productId);
  }
  for (const letter of write.deadLetters) letters.push({ ...letter, letterId: letters.length + 1, outcome: null });
  for (const { partition, offset } of write.resumed) {
    const letter = letters.find((each) => each.partition === partition && each.offset === offset);
    if (letter !== undefined) letter.outcome = "resumed";
  }
}

/** A line that was read and changed carries when it was decided first; the audit does not read that. */
function withoutTime(line: Line & { decidedAt?: number }): Line {
  const { decidedAt: _decidedAt, ...rest } = line;
  return rest;
}

/** Audits it, at rest and without a cache. */
export function auditHistory(
  history: History,
  overrides: Partial<AuditDeps> = {},
  now: Partial<AuditReads> = {},
  options: Partial<AuditOptions> = {},
): Promise<AuditReport> {
  return audit(auditDepsOf(history, overrides, now), { atRest: true, shownMax: 10, ...options });
}

/** What an audit of it looks at. */
export function auditDepsOf(
  history: History,
  overrides: Partial<AuditDeps> = {},
  now: Partial<AuditReads> = {},
): AuditDeps {
  const snapshot = snapshotOf(history);
  return {
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
        if (value?.[0] === 0x7b) return { kind: "command", command: JSON.parse(String(value)) as Command };
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
function snapshotOf({ lines, stock, parked, letters, partitions }: History): AuditSnapshot {
  const all = [...lines.values()];
  const place = ({ partition, offset }: { partition: number; offset: number }) => [partition, offset];
  const isBooked = ({ reason, type, quantity }: Line) =>
    reason === null && type !== "ResumeProduct" && (type !== "CancelOrder" || quantity > 0);
  const tally = (line: Line, lookedBack: boolean): TallyRow => ({
    ...line,
    booked: isBooked(line),
    lookedBack,
    wasResumed: all.some(
      ({ type, commandId, partition, offset }) =>
        type === "ResumeProduct" &&
        commandId !== line.commandId &&
        partition === line.partition &&
        offset === line.offset,
    ),
  });
  const atVersion = (row: TallyRow): number => (row.lookedBack ? (row.asOfVersion ?? 0) : row.version);
  const lookedBack = all.filter(({ type, asOfVersion }) => type === "CountStock" && asOfVersion !== null);
  const cancels = all.filter(({ type }) => type === "CancelOrder" || type === "PackOrder");
  const named = new Set(cancels.map(({ orderId }) => orderId));
  const lives: (LifeRow & { rank: number })[] = [
    ...all
      .filter(
        (line) =>
          named.has(line.commandId) ||
          (line.type === "PlaceOrder" && (line.status === "cancelled" || line.fulfilment !== null)),
      )
      .map((line) => ({ ...line, life: line.commandId, role: "order" as const, rank: 0 })),
    ...cancels.map((line) => ({
      ...line,
      life: line.orderId,
      role: line.type === "PackOrder" ? ("pack" as const) : ("cancel" as const),
      rank: line.reason === null ? 1 : 2,
    })),
  ];
  return {
    partitions: () => Promise.resolve(partitions),
    linesByPlace: () => pagesOf(sortedBy(all, place)),
    keptByPlace: () => pagesOf(sortedBy(letters.map(keptOf), place)),
    resumedById: (ids) => {
      const resumed = letters.filter(
        ({ outcome, commandId }) => outcome === "resumed" && ids.includes(commandId ?? ""),
      );
      const of = (id: string): ResumedLetter[] => resumed.filter(({ commandId }) => commandId === id);
      return Promise.resolve(new Map(resumed.map(({ commandId }) => [commandId ?? "", of(commandId ?? "")])));
    },
    resumesOf: (ids) => {
      const resumes = all.filter(({ type, status }) => type === "ResumeProduct" && status === "accepted");
      const wanted = resumes.filter(({ productId }) => ids.includes(productId));
      return Promise.resolve(Map.groupBy(wanted, ({ productId }) => productId));
    },
    forgotten: () => {
      const open = letters.filter(({ outcome, productId }) => outcome === null && productId !== null);
      const products = new Set(open.map(({ productId }) => productId ?? "").filter((id) => !parked.has(id)));
      return pagesOf([...products].map((productId) => ({ productId, letters: 1 })));
    },
    overtaken: () => {
      const last = (productId: string | null): number =>
        Math.max(
          0,
          ...letters.flatMap((each) =>
            each.outcome === "resumed" && each.productId === productId ? [each.letterId] : [],
          ),
        );
      return pagesOf(
        letters.filter(
          ({ outcome, productId, letterId }) => outcome === null && productId !== null && letterId < last(productId),
        ),
      );
    },
    unsent: () =>
      pagesOf(
        letters.flatMap(({ outcome, partition, offset, redrivenAs = "" }) => {
          const isThere = lines.has(redrivenAs) || letters.some(({ commandId }) => commandId === redrivenAs);
          return outcome === "redriven" && !isThere ? [{ partition, offset, redrivenAs }] : [];
        }),
      ),
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
    stepFaults: () => pagesOf([]),
    catalogue: () => pagesOf([]),
    viewDifferences: () => pagesOf([]),
  };
}

function keptOf({ partition, offset, kind, commandId, key, value, valueBytes, outcome }: Letter): KeptRecord {
  const digest = (bytes: Buffer | null) => (bytes === null ? null : createHash("sha256").update(bytes).digest("hex"));
  const [keyDigest, valueDigest, keptBytes] = [digest(key), digest(value), value?.length ?? 0];
  return { partition, offset, kind, commandId, outcome, keyDigest, valueDigest, keptBytes, valueBytes };
}
