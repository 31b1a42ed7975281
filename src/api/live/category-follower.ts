/** A category that is followed over /live (categories.ts): what of its products has changed lately, and who is told of it. */
import type { Problem } from "../problems.ts";
import type { Follower } from "./follower.ts";
import { ProductFacts } from "./live-state.ts";
import type { LiveState } from "./live-state.ts";

type Change = { readonly number: number; readonly key: string; readonly id: string; readonly state: LiveState };
/** One thing to tell: of which product, and what. */
export type CategoryChange = Pick<Change, "id" | "state">;

export class Category {
  readonly name: string;
  readonly followers = new Set<CategoryFollower>();
  readonly members = new Map<string, Follower>();
  /** Products that are about to become members. */
  readonly joining = new Set<string>();
  /** The first reading of its products. */
  ready: Promise<void> | null = null;
  /** The number of the last change. */
  number = 0;
  /** In their order; those that are not the newest of their key are left over. */
  #changes: Change[] = [];
  readonly #newest = new Map<string, Change>();
  #roomUntil = 100;

  constructor(name: string) {
    this.name = name;
  }

  /** Whether the product is in it, as far as that is known. */
  has(member: Follower): boolean {
    const { facts } = member.topic;
    return facts instanceof ProductFacts && facts.category === this.name;
  }

  note(id: string, state: LiveState): void {
    const key = `${state.name} ${id}`;
    const change = { number: (this.number += 1), key, id, state };
    this.#newest.set(key, change);
    this.#changes.push(change);
    if (this.#changes.length > this.#roomUntil) this.#tidy();
  }

  /** How many changes, those left over too. */
  get kept(): number {
    return this.#changes.length;
  }

  /** The first one after that number which nothing newer stands for. */
  after(number: number): Change | null {
    let [from, to] = [0, this.#changes.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#changes[middle]?.number ?? 0) > number) to = middle;
      else from = middle + 1;
    }
    for (let at = from; at < this.#changes.length; at++) {
      const change = this.#changes[at];
      if (change !== undefined && this.#newest.get(change.key) === change) return change;
    }
    return null;
  }

  /** What everybody was told, and what something newer stands for, goes. */
  #tidy(): void {
    const toldToAll = Math.min(...[...this.followers].map(({ told }) => told));
    const isLeft = (each: Change): boolean => this.#newest.get(each.key) === each && each.number > toldToAll;
    const left = this.#changes.filter(isLeft);
    for (const each of this.#changes) {
      if (each.number <= toldToAll && this.#newest.get(each.key) === each) this.#newest.delete(each.key);
    }
    this.#changes = left;
    this.#roomUntil = 2 * left.length + 100;
  }

  wake(): void {
    for (const follower of this.followers) if (follower.hasNext()) follower.wake();
  }
}

export class CategoryFollower {
  readonly wake: () => void;
  /** It can't be followed any more. */
  readonly ended: (problem: Problem) => void;
  readonly #category: Category;
  readonly #left: () => void;
  #told = Infinity;

  constructor(category: Category, calls: Pick<CategoryFollower, "wake" | "ended">, left: () => void) {
    this.#category = category;
    this.wake = calls.wake;
    this.ended = calls.ended;
    this.#left = left;
    category.followers.add(this);
  }

  get told(): number {
    return this.#told;
  }

  /** What changes from now on is told. */
  open(): void {
    this.#told = this.#category.number;
  }

  hasNext(): boolean {
    return this.#told < this.#category.number && this.#category.after(this.#told) !== null;
  }

  next(): CategoryChange | null {
    const change = this.#category.after(this.#told);
    this.#told = change?.number ?? this.#told;
    return change;
  }

  leave(): void {
    if (this.#category.followers.delete(this)) this.#left();
  }
}
