/** The port to what partitions passed without deciding it, for whoever tells of it and for operators (P13). */
import type { DeadLetter, DeadLetterKind, Place } from "./ledger-store.ts";

/** What became of a letter: redriven as a new command, given up by an operator, decided when its product went on. */
export type LetterOutcome = "redriven" | "discarded" | "resumed";

export type KeptLetter = DeadLetter & {
  /** The order in which letters came. */
  readonly letterId: number;
  /** Milliseconds since 1970, by PostgreSQL's clock. */
  readonly storedAt: number;
  /** Null: nothing became of it yet. */
  readonly outcome: LetterOutcome | null;
  readonly settledAt: number | null;
  /** The command that names it, if it was redriven. */
  readonly redrivenAs: string | null;
  /** Why an operator gave it up, in the operator's words. */
  readonly settledBecause: string | null;
};

/** A letter without its bytes. */
export type LetterHead = Omit<KeptLetter, "key" | "value" | "headers">;

/** Which letters are meant: those for which all of it holds. */
export type LetterFilter = {
  readonly kinds?: readonly DeadLetterKind[];
  /** What the reason begins with. */
  readonly reason?: string;
  /** The product of a command; of what can't be decoded, the record's key. */
  readonly productId?: string;
  readonly partition?: number;
  /** Also those of which something became already. */
  readonly settled?: boolean;
};

export type Settlement =
  | { readonly outcome: "redriven"; readonly redrivenAs: string }
  | { readonly outcome: "discarded"; readonly because: string | null };

export type ParkedProduct = {
  readonly productId: string;
  readonly because: string;
  /** Milliseconds since 1970, by PostgreSQL's clock. */
  readonly parkedAt: number;
  /** Commands that wait, the one among them that parked it. */
  readonly waiting: number;
};

/** All methods reject with `StoreUnavailable` when the store is away. */
export type DeadLetterStore = {
  /**
   * Letters of these partitions that nobody was told of, oldest first, without those that only wait; at most `limit`, and at
   * most `bytesMax` of values, but one in any case.
   */
  unpublished(partitions: readonly number[], limit: number, bytesMax: number): Promise<KeptLetter[]>;
  markPublished(letterIds: readonly number[]): Promise<void>;
  /** Commands that wait or were refused, and nothing became of yet: one result for each id, in order. */
  undecided(commandIds: readonly string[]): Promise<(KeptLetter | null)[]>;
  /** The products that are parked, the one first that is parked longest; at most `limit`. */
  parked(limit: number): Promise<ParkedProduct[]>;
  /** Null: it is not parked. */
  parkedProduct(productId: string): Promise<ParkedProduct | null>;
  at(place: Place): Promise<KeptLetter | null>;
  /** In the order in which they came, those after the letter `after`; at most `limit`. */
  list(filter: LetterFilter, after: number, limit: number): Promise<LetterHead[]>;
  /** Says what became of the letter at this place, unless something became of it already: false then, and where there is none. */
  settle(place: Place, settlement: Settlement): Promise<boolean>;
};
