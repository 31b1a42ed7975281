/**
 * Decides all commands of one group, in the order of the log, on a working copy: the committed base is read through it
 * and changed only in it, so that a group that is refused leaves nothing behind (P8). Pure and synchronous.
 *
 * A product that is parked decides nothing: its commands become letters that wait, until a ResumeProduct decides them in the
 * order in which they came, at its own place in the log (P13).
 */
import assert from "node:assert/strict";
import type { Command, LoggedCommand, ResumeProduct } from "../schemas/commands.ts";
import type { Line, Stock, StoredLine } from "../schemas/lines.ts";
import type { DeadLetter, GroupWrite, Place, Snapshot } from "../stores/ledger-store.ts";
import { letterOfCommand } from "./letters.ts";
import { decide, evolve, notResumed, resumed } from "./stock.ts";
import { Working } from "./working.ts";
import type { StockBase } from "./working.ts";

/** A command that the store refuses to write, found by halving its group, and the store's reason (P7). */
export type RefusedEntry = { readonly refused: LoggedCommand; readonly reason: string };
export type Entry = LoggedCommand | { readonly letter: DeadLetter } | RefusedEntry;

/** The commands that wait for a parked product, as a ResumeProduct of this group finds them. */
export type Waiting = {
  readonly commands: readonly { readonly command: Command; readonly place: Place }[];
  /** More wait than were read. */
  readonly more: boolean;
};

export type GroupKnowledge = {
  readonly base: StockBase;
  readonly found: Snapshot;
  /** By product; of those that a ResumeProduct of the group names. Undefined: what waits can't be read as commands. */
  readonly waiting: ReadonlyMap<string, Waiting | undefined>;
  /** The bytes of a command that is kept as a letter. */
  readonly encode: (command: Command) => Buffer;
};

export type DecidedGroup = {
  readonly write: Omit<GroupWrite, "advances">;
  /** What each command came to, in the order decided; repeated ones carry the line that was stored before. */
  readonly answers: readonly { readonly partition: number; readonly line: Line; readonly repeated: boolean }[];
  /** Orders that are new, changed or repeated, with the partition whose command did it. */
  readonly orders: readonly { readonly partition: number; readonly line: Line | StoredLine }[];
  /** Every product that was read, after the group, with the partitions that read it: one, unless a producer strews. */
  readonly products: readonly {
    readonly partitions: readonly number[];
    readonly productId: string;
    readonly stock: Stock | undefined;
    readonly parked: boolean;
  }[];
};

export function decideGroup(entries: readonly Entry[], known: GroupKnowledge): DecidedGroup {
  const deciding = new Deciding(known);
  for (const entry of entries) {
    if ("letter" in entry) deciding.letters.push(entry.letter);
    else if ("refused" in entry) deciding.refuse(entry);
    else deciding.take(entry);
  }
  return deciding.result();
}

class Deciding {
  readonly letters: DeadLetter[] = [];
  readonly #known: GroupKnowledge;
  readonly #working: Working;
  readonly #answers: { partition: number; line: Line; repeated: boolean }[] = [];
  readonly #orders = new Map<string, { partition: number; line: Line }>();
  readonly #resumed: Place[] = [];

  constructor(known: GroupKnowledge) {
    this.#known = known;
    this.#working = new Working(known.base, known.found);
  }

  take(logged: LoggedCommand): void {
    const { command, partition } = logged;
    const product = this.#working.productOf(partition, command.productId);
    if (product.parkedBecause === null) this.#decide(logged);
    else if (command.type === "ResumeProduct") this.#resume(logged, command);
    else product.waiting.push(logged);
  }

  /** The culprit parks its product; a ResumeProduct whose commands can't be stored changes nothing. */
  refuse({ refused, reason }: RefusedEntry): void {
    const { command, partition } = refused;
    const product = this.#working.productOf(partition, command.productId);
    if (command.type === "ResumeProduct") {
      const stored = this.#working.line(command.commandId);
      if (stored !== undefined) this.#answers.push({ partition, line: stored, repeated: true });
      else this.#answer(partition, notResumed(product.stock, command, refused, "still_refused"));
      return;
    }
    product.parkedBecause = reason;
    this.letters.push(letterOfCommand(refused, "refused", reason, this.#known.encode));
  }

  #resume(logged: LoggedCommand, command: ResumeProduct): void {
    const { partition, offset } = logged;
    const product = this.#working.productOf(partition, command.productId);
    const stored = this.#working.line(command.commandId);
    if (stored !== undefined) {
      this.#answers.push({ partition, line: stored, repeated: true });
      return;
    }
    const waits = this.#known.waiting.get(command.productId);
    if (waits === undefined) {
      this.#answer(partition, notResumed(product.stock, command, logged, "still_refused"));
      return;
    }
    product.parkedBecause = null;
    // Where it is decided is where its effects are told from (P15): the place of the ResumeProduct, not its own.
    const isLeft = waits.commands.filter(({ place }) => !this.#isResumed(place));
    const some = isLeft.slice(0, command.commandsMax);
    for (const each of some) {
      this.#decide({ command: each.command, partition, offset });
      this.#resumed.push(each.place);
    }
    let count = some.length;
    if (waits.more || some.length < isLeft.length) product.parkedBecause = "";
    else {
      for (const own of product.waiting.splice(0)) {
        this.#decide(own);
        count += 1;
      }
    }
    this.#answer(partition, resumed(product.stock, command, logged, count));
  }

  #isResumed({ partition, offset }: Place): boolean {
    return this.#resumed.some((place) => place.partition === partition && place.offset === offset);
  }

  #answer(partition: number, line: Line): void {
    this.#working.newLines.set(line.commandId, line);
    this.#answers.push({ partition, line, repeated: false });
  }

  #decide(logged: LoggedCommand): void {
    const { command, partition } = logged;
    const working = this.#working;
    const product = working.productOf(partition, command.productId);
    const order = "orderId" in command ? working.line(command.orderId) : undefined;
    const stockAtVersion =
      command.type === "CountStock" ? working.stockAtVersion(command.productId, command.asOfVersion) : undefined;
    const line = working.line(command.commandId);
    const decision = decide({ stock: product.stock, line, order, stockAtVersion }, logged);
    this.#answers.push({ partition, line: decision.answer, repeated: decision.kind === "repeated" });
    if (decision.kind === "repeated") {
      // Told again, for the caller who sent it again has marked it pending in the cache again.
      const { answer } = decision;
      if (answer.type === "PlaceOrder") this.#orders.set(answer.commandId, { partition, line: answer });
      return;
    }
    if (order !== undefined && decision.changes.length === 0) working.linesRead.set(order.commandId, order.revision);
    for (const added of decision.lines) {
      working.newLines.set(added.commandId, added);
      if (added.type === "PlaceOrder") this.#orders.set(added.commandId, { partition, line: added });
    }
    for (const change of decision.changes) {
      working.change(change);
      this.#orders.set(change.line.commandId, { partition, line: change.line });
    }
    if (decision.answer.status === "accepted") product.stock = evolve(decision.answer, product.stock);
  }

  result(): DecidedGroup {
    const products = [...this.#working.products];
    for (const [, { waiting }] of products) {
      for (const logged of waiting) {
        this.letters.push(letterOfCommand(logged, "waiting", "product_parked", this.#known.encode));
      }
    }
    const seats = new Set(this.letters.map(({ partition, offset }) => `${partition}:${offset}`));
    assert(seats.size === this.letters.length, "a record is kept once");
    return {
      write: { ...this.#working.writes(), deadLetters: this.letters, resumed: this.#resumed },
      answers: this.#answers,
      orders: [...this.#orders.values()],
      products: products.map(([productId, { partitions, stock, parkedBecause }]) => {
        return { partitions, productId, stock, parked: parkedBecause !== null };
      }),
    };
  }
}
