/** Time, as it is given to whoever waits or looks at it, so that a simulation can own it. */
export type Clock = {
  /** Milliseconds since 1970: for people, and for what is stored. It may jump. */
  now(): number;
  /** Milliseconds that only grow: for deadlines. It may stand still while the machine is suspended. */
  monotonic(): number;
  /** Calls `work` once, in `ms` milliseconds; returns how to prevent it. */
  after(ms: number, work: () => void): () => void;
  /** Calls `work` once this turn's input has been read: what came together is then seen together. */
  soon(work: () => void): void;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
  soon: (work) => void setImmediate(work),
};

export function sleepOn(clock: Pick<Clock, "after">, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
