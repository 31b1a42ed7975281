/** The job that removes what is old, some rows at a time, so that nothing waits behind it for long. Cut short, it goes on the next time. */
import { limits } from "../limits.ts";
import type { JobHandler } from "../queue/queue.ts";
import { expiringKinds } from "../stores/expiry-store.ts";
import type { ExpiryStore } from "../stores/expiry-store.ts";
import type { WorkerLog } from "./worker-log.ts";

export type ExpireDeps = {
  readonly expiry: ExpiryStore;
  /** For how many days what is tracked is kept. */
  readonly days: number;
  readonly log: WorkerLog;
  /** For tests: `limits.expireRowsMax` otherwise. */
  readonly rowsMax?: number;
};

export function createExpire({ expiry, days, log, rowsMax = limits.expireRowsMax }: ExpireDeps): JobHandler {
  return async ({ signal }) => {
    const repeat = async (work: () => Promise<number>): Promise<number> => {
      let total = 0;
      for (;;) {
        signal.throwIfAborted();
        const count = await work();
        total += count;
        if (count < rowsMax) return total;
      }
    };
    const removed: Record<string, number> = {};
    removed.givenUp = await repeat(() => expiry.giveUpDeliveries(limits.deliveryDaysMax, rowsMax));
    for (const kind of expiringKinds) removed[kind] = await repeat(() => expiry.expire(kind, days, rowsMax));
    log.info({ removed, days }, "what was old is removed");
  };
}
