/**
 * Virtual time and chance, both from one seed: the same seed gives the same world, event for event.
 *
 * Who owns what: the engine owns the time, the queue of events and the random numbers. Everybody else asks for them.
 *
 * I1 Time moves only between events, and all that an event set off (promises, not I/O) has run before the next one begins.
 * I2 Events run in the order of their times; of two at one time, the one that was asked for first.
 * I3 Nothing else is a source of order or of chance: no clock, no timer and no I/O of the machine.
 */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import TinyQueue from "tinyqueue";

type Event = { readonly at: number; readonly number: number; readonly label: string; work: (() => void) | undefined };

/** Told of each event that says something to a reader: milliseconds of virtual time, and what happened. */
export type Trace = (atMs: number, text: string) => void;

export class Engine {
  readonly #queue = new TinyQueue<Event>([], (a, b) => a.at - b.at || a.number - b.number);
  readonly #random: ReturnType<typeof xoroshiro128plus>;
  readonly #trace: Trace | undefined;
  #now = 0;
  #number = 0;
  #steps = 0;

  constructor(seed: number, trace?: Trace) {
    this.#random = xoroshiro128plus(seed);
    this.#trace = trace;
  }

  /** Milliseconds since the world began. */
  get now(): number {
    return this.#now;
  }

  /** Events that have run. */
  get steps(): number {
    return this.#steps;
  }

  /** From 0, included, to 1, excluded. */
  random(): number {
    return uniformFloat64(this.#random);
  }

  between(min: number, max: number): number {
    return min + (max - min) * this.random();
  }

  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1));
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** Throws on an empty list. */
  pick<T>(from: readonly T[]): T {
    const item = from[Math.floor(this.random() * from.length)];
    if (item === undefined) throw new Error("there is nothing to pick from");
    return item;
  }

  /** Calls `work` in `ms` milliseconds; returns how to prevent it. */
  after(ms: number, label: string, work: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(0, ms), number: this.#number++, label, work };
    this.#queue.push(event);
    return () => void (event.work = undefined);
  }

  pause(ms: number, label: string): Promise<void> {
    return new Promise((resolve) => void this.after(ms, label, resolve));
  }

  say(text: string): void {
    this.#trace?.(this.#now, text);
  }

  get isTraced(): boolean {
    return this.#trace !== undefined;
  }

  /** Runs events until `done` says so (true), or until none is left or the next lies beyond `untilMs` (false). */
  async run(done: () => boolean, untilMs: number): Promise<boolean> {
    for (;;) {
      if (done()) return true;
      const event = this.#queue.peek();
      if (event === undefined || event.at > untilMs) return false;
      this.#queue.pop();
      if (event.work === undefined) continue;
      this.#now = event.at;
      this.#steps += 1;
      event.work();
      await new Promise<void>((resolve) => void setImmediate(resolve)); // I1
    }
  }
}
