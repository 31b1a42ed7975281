/**
 * Requests that wait for a decision (P17).
 *
 * Who owns what: the registry owns the waiters by command id; a waiter belongs to the request that registered it, which
 * releases it, whatever happens.
 *
 * I1 A waiter registers before its command is appended, so that no decision can pass it by. A decision that comes before
 *    the log's acknowledgement is held until it is asked for.
 * I2 What is told is kept until it is asked for, in its order: the id of an order that was cancelled first is told twice.
 * I3 At most `limits.waitersMax` wait. Who finds no place is not refused, but answered without waiting.
 */
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { DecisionMessage, DecisionNotice } from "../schemas/decision-feed.ts";
import type { DecisionListener } from "../stores/decision-feed.ts";

/** What the decision feed said of one command; `decidedAt` in milliseconds since 1970. */
export type Told = { readonly notice: DecisionNotice; readonly decidedAt: number };

/** More are not told of one id but by who sends it again and again. */
const keptMax = 8;

export class Waiter {
  readonly #forget: (waiter: Waiter) => void;
  readonly #clock: Pick<Clock, "after" | "monotonic">;
  #deadline: number | null = null;
  #told: Told[] = [];
  #left = false;
  #wake: ((told: Told | null) => void) | null = null;

  constructor(forget: (waiter: Waiter) => void, clock: Pick<Clock, "after" | "monotonic">) {
    this.#clock = clock;
    this.#forget = forget;
  }

  /** Called by the registry. Null: there will be no answer, for the process is leaving. */
  tell(told: Told | null): void {
    this.#left ||= told === null;
    if (this.#wake !== null) this.#wake(told);
    else if (told !== null && this.#told.length < keptMax) this.#told.push(told);
  }

  /**
   * What is told next, or was told and not asked for yet, at the latest `waitMs` after the first time this was asked; null when time
   * has run out. One call at a time.
   */
  until(waitMs: number): Promise<Told | null> {
    const [told = null] = this.#told.splice(0, 1);
    if (told !== null || this.#left) return Promise.resolve(told); // I1
    const time = this.#clock.monotonic();
    this.#deadline ??= time + waitMs;
    const leftMs = this.#deadline - time;
    return new Promise((resolve) => {
      const cancel = this.#clock.after(Math.max(0, leftMs), () => this.#wake?.(null));
      this.#wake = (next) => {
        cancel();
        this.#wake = null;
        resolve(next);
      };
    });
  }

  release(): void {
    this.#wake?.(null);
    this.#forget(this);
  }
}

export type Waiters = Pick<DecisionListener, "wanted"> & {
  told(message: Pick<DecisionMessage, "decidedAt" | "decisions">): void;
  /** Null when too many wait (I3). The caller releases the waiter. */
  register(commandId: string): Waiter | null;
  /** Wakes all with no answer; from now on nobody waits. */
  leave(): void;
};

export function createWaiters(
  metrics: Pick<Metrics, "waiters">,
  waitersMax: number = limits.waitersMax,
  clock: Pick<Clock, "after" | "monotonic"> = systemClock,
): Waiters {
  const byCommand = new Map<string, Set<Waiter>>();
  let count = 0;
  let leaving = false;

  const forget = (commandId: string, waiter: Waiter): void => {
    const waiting = byCommand.get(commandId);
    if (waiting?.delete(waiter) !== true) return;
    if (waiting.size === 0) byCommand.delete(commandId);
    metrics.waiters.set(--count);
  };

  return {
    register: (commandId) => {
      if (leaving || count >= waitersMax) return null;
      const waiter = new Waiter((self) => forget(commandId, self), clock);
      const waiting = byCommand.get(commandId);
      if (waiting === undefined) byCommand.set(commandId, new Set([waiter]));
      else waiting.add(waiter);
      metrics.waiters.set(++count);
      return waiter;
    },
    wanted: () => count > 0,
    told: ({ decidedAt, decisions }) => {
      for (const notice of decisions) {
        const waiting = byCommand.get(notice[0]);
        if (waiting === undefined) continue;
        for (const waiter of waiting) waiter.tell({ notice, decidedAt });
      }
    },
    leave: () => {
      leaving = true;
      for (const waiting of byCommand.values()) for (const waiter of waiting) waiter.tell(null);
    },
  };
}
