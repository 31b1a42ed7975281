/** Somebody who follows an order or a product, and what is followed (topics.ts). */
import type { LiveKind, LiveState } from "./live-state.ts";

export class Topic {
  readonly kind: LiveKind;
  readonly id: string;
  readonly followers = new Set<Follower>();
  /** Null until it was read. */
  state: LiveState | null = null;
  /** The position that the feed has told of. */
  expected = -1;
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

  /** -1 until it was read. */
  get position(): number {
    return this.state?.position ?? -1;
  }

  /** Whether it is newer than what was known (I2). */
  take(state: LiveState): boolean {
    if (state.position <= this.position) return false;
    this.state = state;
    return true;
  }

  wake(): void {
    for (const follower of this.followers) if (follower.hasNext()) follower.wake();
  }
}

export class Follower {
  readonly topic: Topic;
  readonly wake: () => void;
  readonly #left: () => void;
  /** Nothing is told before it is open. */
  #told = Infinity;

  constructor(topic: Topic, wake: () => void, left: () => void) {
    this.topic = topic;
    this.wake = wake;
    this.#left = left;
    topic.followers.add(this);
  }

  /** Null: it has seen nothing. */
  open(after: number | null): void {
    this.#told = after ?? -1;
  }

  hasNext(): boolean {
    return this.topic.position > this.#told;
  }

  /** The newest state, which counts as told then; null: it was told already (I3). */
  next(): LiveState | null {
    const { state } = this.topic;
    if (state === null || !this.hasNext()) return null;
    this.#told = state.position;
    return state;
  }

  leave(): void {
    if (this.topic.followers.delete(this)) this.#left();
  }
}
