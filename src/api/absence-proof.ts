/**
 * Proves that nothing undecided lies in the log (P17): a command that was in the log when the question came is decided by
 * the time the proof holds, so that PostgreSQL, asked after it, knows it. Only then may an id be called unknown.
 *
 * Who owns what: one flight at a time, and one that gathers questions until it can start.
 *
 * I1 The log's ends are read after the question came: a question joins the flight that gathers, never one that has
 *    started.
 * I2 A partition without a row in PostgreSQL has decided nothing: its first undecided offset is 0.
 */
import { sleepOn, systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { LogInspector } from "../log/log.ts";
import type { OrderReads } from "../stores/order-reads.ts";

/**
 * True when proven; false when progress did not get there in `limits.absenceProofWaitMs`. Rejects with `LogUnavailable`
 * or `StoreUnavailable`.
 */
export type AbsenceProof = () => Promise<boolean>;

export type AbsenceProofOptions = {
  readonly inspector: Pick<LogInspector, "ends">;
  readonly orders: Pick<OrderReads, "progress">;
  readonly clock?: Clock;
  readonly bounds?: Pick<typeof limits, "absenceProofWaitMs" | "absenceProofPollMs">;
};

export function createAbsenceProof(options: AbsenceProofOptions): AbsenceProof {
  const { inspector, orders, clock = systemClock, bounds = limits } = options;
  /** Settles when the flight that started last has ended. */
  let ended: Promise<unknown> = Promise.resolve();
  let gathering: Promise<boolean> | undefined;

  const fly = async (): Promise<boolean> => {
    const ends = await inspector.ends();
    const deadline = clock.monotonic() + bounds.absenceProofWaitMs;
    for (;;) {
      const progress = await orders.progress();
      if ([...ends].every(([partition, { high }]) => (progress.get(partition) ?? 0) >= high)) return true; // I2
      if (clock.monotonic() + bounds.absenceProofPollMs > deadline) return false;
      await sleepOn(clock, bounds.absenceProofPollMs);
    }
  };
  const gather = async (): Promise<boolean> => {
    await ended;
    await new Promise<void>((resolve) => clock.soon(resolve));
    gathering = undefined; // I1
    const flight = fly();
    ended = flight.catch(() => undefined);
    return flight;
  };

  return () => (gathering ??= gather());
}
