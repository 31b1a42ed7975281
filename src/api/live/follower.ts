/** Somebody who follows an order or a product, and what is followed (topics.ts). */
import type { Facts, LiveKind, LiveState, Position } from "./live-state.ts";
import { nowhere, reaches } from "./live-state.ts";

/** Where the driver of an order is. `tag` is another one with each position. */
export type Sighting = { readonly tag: string; state(): LiveState };

export class Topic {
  readonly kind: LiveKind;
  readonly id: string;
  readonly followers = new Set<Follower>();
  /** Null until it was read. */
  facts: Facts | null = null;
  /** Of an order whose driver is to be seen. Null: there is nobody to see, or where was not looked for yet. */
  sighting: Sighting | null = null;
  /** The position that the feed has told of. */
  expected: Position = nowhere;
  /** What the count of gaps was when the state was read last. */
  epoch = -1;
  /** When, by the monotonic clock. */
  readAt = -Infinity;
  isReading = false;
  /** The reading of its first state that is under way, and the count of gaps when it began. */
  finding: { readonly epoch: number; readonly ended: Promise<void> } | null = null;

  constructor(kind: LiveKind, id: string) {
    this.kind = kind;
    this.id = id;
  }

  get position(): Position {
    return this.facts?.position ?? nowhere;
  }

  get isKnown(): boolean {
    return reaches(this.position, [0, 0]);
  }

  isBehind(): boolean {
    return !reaches(this.position, this.expected);
  }

  /** Whether any of it is newer than what was known (I2). */
  take(facts: Facts): boolean {
    const before = this.facts;
    this.facts = before?.with(facts) ?? facts;
    return this.facts !== before;
  }

  wake(): void {
    for (const follower of this.followers) if (follower.hasNext()) follower.wake();
  }
}

const notOpen: Position = [Infinity, Infinity];

export class Follower {
  readonly topic: Topic;
  readonly wake: () => void;
  readonly #left: () => void;
  /** Nothing is told before it is open. */
  #told = notOpen;
  #toldSighting: string | null = null;

  constructor(topic: Topic, wake: () => void, left: () => void) {
    this.topic = topic;
    this.wake = wake;
    this.#left = left;
    topic.followers.add(this);
  }

  /** Null: it has seen nothing. */
  open(after: Position | null): void {
    this.#told = after ?? nowhere;
  }

  hasNext(): boolean {
    return this.#nextState() !== null || this.#nextSighting() !== null;
  }

  /** The newest that was not told, which counts as told then; null: all was told already (I3). */
  next(): LiveState | null {
    const state = this.#nextState();
    if (state !== null) {
      this.#told = state.position ?? this.#told;
      return state;
    }
    const sighting = this.#nextSighting();
    if (sighting === null) return null;
    this.#toldSighting = sighting.tag;
    return sighting.state();
  }

  leave(): void {
    if (this.topic.followers.delete(this)) this.#left();
  }

  #nextState(): LiveState | null {
    return this.topic.facts?.next(this.#told) ?? null;
  }

  #nextSighting(): Sighting | null {
    const { sighting } = this.topic;
    return this.#told === notOpen || sighting === null || sighting.tag === this.#toldSighting ? null : sighting;
  }
}
