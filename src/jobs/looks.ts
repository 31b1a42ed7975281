/**
 * What a worker looks for again and again: products that became low, decisions that webhooks are told of, deliveries that are to be queued. These are no jobs of the queue: nothing is lost when
 * a look fails, for what it looks at are rows that stay until a look has seen to them.
 *
 * Who owns what: this object owns one timer and the place in the round over the watches. Which rows were seen to is PostgreSQL's.
 *
 * I1 One look at a time: the next one is begun when the last one has ended, and after a pause of `limits.lookShareMax - 1` times what that took, `limits.lookMs` at least. Where something was left,
 *    it goes on at once.
 * I2 A look that fails is tried again after a pause that doubles up to `limits.retryDelayMsMax`, and health is told why until one has gone well.
 * I3 After `stop` no look begins; `stop` resolves when the last one has ended.
 */
import type { Clock } from "../clock.ts";
import type { Metrics } from "../ops/metrics.ts";
import { limits } from "../limits.ts";
import type { LowStockStore } from "../stores/low-stock-store.ts";
import type { DeliveryStore } from "../stores/webhook-store.ts";
import type { WorkerLog } from "./worker-log.ts";

export type LooksDeps = {
  readonly lowStock: Pick<LowStockStore, "look">;
  readonly deliveries: Pick<DeliveryStore, "tellDecisions" | "enqueue" | "disableLate">;
  readonly clock: Pick<Clock, "monotonic" | "after">;
  readonly metrics: Pick<Metrics, "lowStockAlerts" | "lookSeconds">;
  readonly log: WorkerLog;
  readonly bounds?: Partial<LookBounds>;
};
export type LookBounds = Pick<
  typeof limits,
  "lookMs" | "lookShareMax" | "lookWatchesMax" | "lookLinesMax" | "tellLinesMax" | "enqueueMax" | "deliveriesPendingMax"
>;
export type Looks = {
  start(): void;
  /** Why the last look failed; null: it went well, or there was none yet. */
  trouble(): string | null;
  /** One round of everything: for tests, and what `start` repeats. True: something was left. */
  look(): Promise<boolean>;
  stop(): Promise<void>;
};

export function createLooks({ lowStock, deliveries, clock, metrics, log, bounds = {} }: LooksDeps): Looks {
  const bound: LookBounds = { ...limits, ...bounds };
  let after = "";
  /** In this round over the watches something was left, so that the next one is begun at once. */
  let isLeft = false;
  let failures = 0;
  let trouble: string | null = null;
  let isStopped = false;
  let cancel: (() => void) | undefined;
  let flight: Promise<void> = Promise.resolve();

  const look = async (): Promise<boolean> => {
    const stock = await lowStock.look(after, bound.lookWatchesMax, bound.lookLinesMax);
    after = stock.lookedUpTo ?? "";
    isLeft ||= stock.isMore;
    const isMoreToSee = after !== "" || isLeft;
    if (after === "") isLeft = false;
    metrics.lowStockAlerts.inc(stock.alerts);
    const isMoreToTell = await deliveries.tellDecisions(bound.tellLinesMax);
    const queued = await deliveries.enqueue(bound.enqueueMax);
    const disabled = queued === 0 ? 0 : await deliveries.disableLate(bound.deliveriesPendingMax);
    if (disabled > 0) log.warn({ disabled }, "webhooks are disabled: too many deliveries wait for them");
    return isMoreToSee || isMoreToTell || queued === bound.enqueueMax;
  };
  const round = async (): Promise<void> => {
    const startedAt = clock.monotonic();
    let pauseMs: number;
    try {
      const isMore = await look();
      const tookMs = clock.monotonic() - startedAt;
      metrics.lookSeconds.observe(tookMs / 1_000);
      if (failures > 0) log.info({ failures }, "looks go well again");
      failures = 0;
      trouble = null;
      pauseMs = isMore ? 0 : Math.max(bound.lookMs, tookMs * (bound.lookShareMax - 1)); // I1
    } catch (error) {
      failures += 1;
      trouble = error instanceof Error ? error.message : String(error);
      if (failures === 1) log.warn({ err: error }, "a look failed; it is tried again until it goes well");
      pauseMs = Math.min(limits.retryDelayMsMax, limits.retryDelayMsMin * 2 ** Math.min(failures, 16)); // I2
    }
    next(pauseMs);
  };
  const next = (pauseMs: number): void => {
    if (isStopped) return; // I3
    cancel = clock.after(pauseMs, () => void (flight = round()));
  };

  return {
    start: () => next(0),
    trouble: () => trouble,
    look,
    stop: async () => {
      isStopped = true;
      cancel?.();
      await flight;
    },
  };
}
