/** A clock that moves only when a test says so, and whose two hands can be moved apart. */
import type { Clock } from "../../src/clock.ts";

type Timer = { readonly at: number; readonly work: () => void };

export class FakeClock implements Clock {
  #monotonic = 1_000;
  #wall = 1_700_000_000_000;
  #timers: Timer[] = [];

  readonly now = (): number => this.#wall;
  readonly monotonic = (): number => this.#monotonic;
  readonly soon = (work: () => void): void => void setImmediate(work);
  readonly after = (ms: number, work: () => void): (() => void) => {
    const timer = { at: this.#monotonic + ms, work };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  };

  /** Both hands move on; timers that become due run at their time, and what they begin gets its turn. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settled();
    for (;;) {
      const [next] = this.#timers.toSorted((a, b) => a.at - b.at);
      if (next === undefined || next.at > end) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#move(Math.max(0, next.at - this.#monotonic));
      next.work();
      await settled();
    }
    this.#move(end - this.#monotonic);
  }

  /** The process stands still: time passes and no timer runs. Timers that became due run with the next `advance`. */
  stop(ms: number): void {
    this.#move(ms);
  }

  /** The machine is suspended: only the wall clock goes on. */
  suspend(ms: number): void {
    this.#wall += ms;
  }

  /** Somebody sets the wall clock. */
  setWall(byMs: number): void {
    this.#wall += byMs;
  }

  #move(ms: number): void {
    this.#monotonic += ms;
    this.#wall += ms;
  }
}

/** Promises that can go on have gone on. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
