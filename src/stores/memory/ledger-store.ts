/**
 * The ledger store in memory, for the simulation. It passes the same contract suite as the one in PostgreSQL. Its guards can
 * be taken out one by one, so that a simulation can show that it notices.
 *
 * I1 Nothing here awaits between a check and the write that rests on it: every method is one synchronous step, as one
 *    transaction would be. Delays and lost answers are added around it by the simulation.
 */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Line, Stock, StoredLine } from "../../schemas/lines.ts";
import { CommitRefused, DataRefused, neverClaimed, versionKey } from "../ledger-store.ts";
import type {
  Claim,
  DeadLetter,
  GroupWrite,
  LedgerStore,
  Place,
  Prefetch,
  Progress,
  Snapshot,
} from "../ledger-store.ts";

export type GuardName = "epoch" | "offset" | "version" | "revision" | "duplicate" | "parked";

/** A letter, and whether it was settled since. */
export type KeptLetter = DeadLetter & { outcome: "resumed" | null };

/** Who has a partition, besides its progress: what is said for the next one and for people. Nothing that is decided rests on it. */
export type Hand = {
  owner: string;
  releasedEpoch: number;
  awaitedEpoch: number;
  awaitedBy: string;
  fencedCommits: number;
};

export type MemoryLedger = LedgerStore & {
  readonly lines: ReadonlyMap<string, StoredLine>;
  readonly stock: ReadonlyMap<string, Stock>;
  /** In the order in which they came. */
  readonly deadLetters: readonly KeptLetter[];
  readonly parked: ReadonlyMap<string, string>;
  progressOf(partition: number): Progress;
  hand(partition: number): Hand | undefined;
};

export type MemoryLedgerOptions = {
  readonly now?: () => number;
  /** Guards that are taken out. */
  readonly without?: readonly GuardName[];
  /** What PostgreSQL would refuse to write for a reason that nobody foresaw (P7). */
  readonly refuses?: (line: Line) => boolean;
  /** Told of each group in the tick in which it is written, in the order of the commits. */
  readonly committed?: (group: GroupWrite) => void;
};

export function createMemoryLedgerStore(options: MemoryLedgerOptions = {}): MemoryLedger {
  const { now = Date.now, without = [], refuses = () => false, committed } = options;
  const partitions = new Map<number, Claim>();
  const hands = new Map<number, Hand>();
  const stock = new Map<string, Stock>();
  const lines = new Map<string, StoredLine>();
  const deadLetters: KeptLetter[] = [];
  const parked = new Map<string, string>();
  const guards = (name: GuardName): boolean => !without.includes(name);

  const progressOf = (partition: number): Progress => partitions.get(partition) ?? neverClaimed(partition);
  /** By owners that are still owners, and never backwards. */
  const saveTold = <Name extends "effectsOffset" | "decisionsOffset">(
    offsets: readonly Pick<Progress, "partition" | "epoch" | Name>[],
    name: Name,
  ): void => {
    for (const told of offsets) {
      const before = progressOf(told.partition);
      if (!partitions.has(told.partition) || before.epoch !== told.epoch || before[name] >= told[name]) continue;
      partitions.set(told.partition, { ...before, [name]: told[name] });
    }
  };
  const letterAt = ({ partition, offset }: Place): KeptLetter | undefined =>
    deadLetters.find((each) => each.partition === partition && each.offset === offset);
  const unsettled = ({ partition, offset }: Place): KeptLetter | undefined =>
    deadLetters.find((each) => each.partition === partition && each.offset === offset && each.outcome === null);

  const find = (wanted: Prefetch): Snapshot => ({
    stock: pick(stock, wanted.productIds),
    parked: new Set(wanted.productIds.filter((id) => parked.has(id))),
    lines: pick(lines, wanted.commandIds),
    stockAtVersion: new Map(
      wanted.versions.flatMap(({ productId, version }) => {
        const line = [...lines.values()].find((each) => each.productId === productId && each.version === version);
        return line === undefined ? [] : [[versionKey(productId, version), line.stockAfter] as const];
      }),
    ),
  });

  const check = (group: GroupWrite): void => {
    for (const { partition, epoch, from } of group.advances) {
      const progress = progressOf(partition);
      if (guards("epoch") && (!partitions.has(partition) || progress.epoch !== epoch))
        throw new CommitRefused("fenced");
      if (guards("offset") && progress.nextOffset !== from) throw new CommitRefused("fenced");
    }
    for (const { productId, readVersion } of group.stock) {
      if (guards("version") && (stock.get(productId)?.version ?? 0) !== readVersion) throw new CommitRefused("stale");
      if (guards("parked") && parked.has(productId)) throw new CommitRefused("stale");
    }
    for (const { productId, readVersion, wasParked } of group.parked) {
      if (guards("version") && (stock.get(productId)?.version ?? 0) !== readVersion) throw new CommitRefused("stale");
      if (guards("parked") && parked.has(productId) !== wasParked) throw new CommitRefused("stale");
    }
    checkResumed(group);
    for (const { readRevision, line } of group.changes) checkRevision(line.commandId, readRevision);
    for (const { commandId, revision } of group.linesRead) checkRevision(commandId, revision);
    for (const { commandId } of group.lines) {
      if (guards("duplicate") && lines.has(commandId)) throw new CommitRefused("duplicate");
    }
  };
  const checkResumed = ({ parked: touched, resumed, deadLetters: letters }: GroupWrite): void => {
    const settled = resumed.map(unsettled);
    if (settled.includes(undefined)) throw new CommitRefused("stale");
    for (const { productId } of touched.filter(({ because }) => because === null)) {
      const waits = [...deadLetters.filter(({ outcome }) => outcome === null), ...letters].filter(
        (each) => each.productId === productId,
      );
      if (guards("parked") && waits.some((each) => !settled.some((one) => one === each)))
        throw new CommitRefused("stale");
    }
  };
  const checkRevision = (commandId: string, revision: number): void => {
    if (guards("revision") && lines.get(commandId)?.revision !== revision) throw new CommitRefused("stale");
  };

  const write = (group: GroupWrite): { decidedAt: number } => {
    const decidedAt = now();
    for (const { partition, to, effectsOffset, last } of group.advances) {
      const before = progressOf(partition);
      const effects = Math.max(before.effectsOffset, effectsOffset);
      partitions.set(partition, { ...before, nextOffset: to, effectsOffset: effects, last: last ?? before.last });
    }
    for (const { productId, readVersion, after } of group.stock) {
      if (after === null || after.version === readVersion) continue;
      assert(after.quantity >= 0, "the table's own check: stock is never negative");
      stock.set(productId, after);
    }
    for (const line of group.lines) lines.set(line.commandId, { ...line, decidedAt });
    for (const { line } of group.changes) {
      lines.set(line.commandId, { ...line, decidedAt: lines.get(line.commandId)?.decidedAt ?? decidedAt });
    }
    writeParking(group);
    committed?.(group);
    return { decidedAt };
  };

  const writeParking = (group: GroupWrite): void => {
    for (const place of group.resumed) {
      const letter = unsettled(place);
      if (letter !== undefined) letter.outcome = "resumed";
    }
    for (const letter of group.deadLetters) {
      if (letterAt(letter) === undefined) deadLetters.push({ ...letter, outcome: null });
    }
    for (const { productId, after, because } of group.parked) {
      if (after !== null) stock.set(productId, after);
      if (because === null) parked.delete(productId);
      else if (!parked.has(productId)) parked.set(productId, because);
    }
  };

  const commit = (group: GroupWrite): { decidedAt: number } => {
    check(group);
    const refused = [...group.lines, ...group.changes.map(({ line }) => line)].find(refuses);
    for (const letter of group.deadLetters) {
      const there = letterAt(letter);
      const isSame =
        there === undefined ||
        (isDeepStrictEqual(there.key, letter.key) && isDeepStrictEqual(there.value, letter.value));
      if (!isSame) throw new Error("a dead letter of another log lies at the place of a new one");
    }
    if (refused !== undefined) throw new DataRefused("23514", `the line of ${refused.commandId}`);
    return write(group);
  };

  return {
    lines,
    stock,
    deadLetters,
    parked,
    progressOf,
    hand: (partition) => hands.get(partition),
    claim: (claimed, owner, which) =>
      step(() =>
        claimed.flatMap((partition) => {
          const before = progressOf(partition);
          const hand = hands.get(partition) ?? {
            owner,
            releasedEpoch: 0,
            awaitedEpoch: 0,
            awaitedBy: "",
            fencedCommits: 0,
          };
          hands.set(partition, hand);
          if (which === "free" && hand.owner !== owner && hand.releasedEpoch !== before.epoch) {
            Object.assign(hand, { awaitedEpoch: before.epoch, awaitedBy: owner });
            return [];
          }
          const claim = { ...before, epoch: before.epoch + 1 };
          partitions.set(partition, claim);
          hand.owner = owner;
          return [claim];
        }),
      ),
    release: (held) =>
      step(() => {
        for (const { partition, epoch, effectsOffset, decisionsOffset } of held) {
          const [before, hand] = [progressOf(partition), hands.get(partition)];
          if (hand === undefined || before.epoch !== epoch) continue;
          hand.releasedEpoch = epoch;
          const told = (had: number, has: number): number => Math.max(had, Math.min(has, before.nextOffset));
          partitions.set(partition, {
            ...before,
            effectsOffset: told(before.effectsOffset, effectsOffset),
            decisionsOffset: told(before.decisionsOffset, decisionsOffset),
          });
        }
      }),
    countFenced: (commits) =>
      step(() => {
        for (const [partition, fenced] of commits) {
          const hand = hands.get(partition);
          if (hand !== undefined) hand.fencedCommits += fenced;
        }
      }),
    readProgress: (wanted) => step(() => wanted.map(progressOf)),
    prefetch: (wanted) => step(() => find(wanted)),
    waiting: (productId, limit) =>
      step(() =>
        deadLetters
          .filter((each) => each.productId === productId && each.outcome === null)
          .slice(0, limit)
          .map(({ outcome: _, ...letter }) => letter),
      ),
    commit: (group) => step(() => commit(group)),
    commitLocked: (_partitions, wanted, decide) => step(() => commit(decide(find(wanted)))),
    linesBetween: (partition, from, to, limit) =>
      step(() =>
        [...lines.values()]
          .filter((line) => line.partition === partition && line.offset >= from && line.offset < to)
          .toSorted((a, b) => a.offset - b.offset)
          .slice(0, limit),
      ),
    linesById: (ids) => step(() => pick(lines, ids)),
    saveEffectsOffset: (offsets) => step(() => saveTold(offsets, "effectsOffset")),
    saveDecisionsOffset: (offsets) => step(() => saveTold(offsets, "decisionsOffset")),
    close: () => Promise.resolve(),
  };
}

/** Runs one synchronous step as the promise that a port wants; a throw becomes a rejection. */
function step<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}

function pick<T>(from: ReadonlyMap<string, T>, keys: readonly string[]): Map<string, T> {
  return new Map(
    keys.flatMap((key) => {
      const value = from.get(key);
      return value === undefined ? [] : [[key, value] as const];
    }),
  );
}
