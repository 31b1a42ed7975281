/**
 * Writers of what pages show tell the cache of it (I1 of src/stores/page-cache.ts): a mark before the commit, which is cleared when it is
 * known how that ended.
 *
 * I1 The commit waits for the mark, but not for a cache that is away: then the change goes on, and what could not be told is told later, again
 *    and again, until it is through or every page of before has expired.
 * I2 Where it is not known how the transaction ended, its mark stays on until it can't be committed any more.
 */
import { randomUUID } from "node:crypto";
import { sleepOn, systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { Metrics } from "../ops/metrics.ts";
import { CacheUnavailable } from "../stores/effects-cache.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import type { Mark, PageCache } from "../stores/page-cache.ts";

/** To be awaited by a transaction that changes what depends on the scopes: after it was begun, and before it is committed. Never rejects. */
export type Announce = (scopes: readonly string[]) => Promise<void>;

export type PageMarks = {
  /** Runs `write`, which announces what it changes; resolves or rejects as it does. */
  changing<Result>(write: (announce: Announce) => Promise<Result>): Promise<Result>;
  /** Ends what is tried again and again. */
  close(): void;
};

export type PageMarksOptions = {
  readonly cache: Pick<PageCache, "mark" | "clear" | "forget">;
  readonly metrics: Pick<Metrics, "cacheFailures" | "pageMarksBehind">;
  readonly clock?: Pick<Clock, "after" | "monotonic">;
  readonly markTtlMs?: number;
};

/** After this whatever was put before has expired. */
const retriedMs = 1.2 * limits.pageTtlMs + limits.pageFillTtlMs;

export function createPageMarks(options: PageMarksOptions): PageMarks {
  const { cache, metrics, clock = systemClock, markTtlMs = limits.pageMarkTtlMs } = options;
  let behindScopes = 0;
  let isForgetting = false;
  let isClosed = false;

  const failed = (error: unknown): false => {
    if (!(error instanceof CacheUnavailable)) throw error;
    metrics.cacheFailures.inc();
    return false;
  };
  const untilThrough = async (tell: () => Promise<void>): Promise<void> => {
    const since = clock.monotonic();
    for (let delayMs = limits.retryDelayMsMin; !isClosed; delayMs = Math.min(2 * delayMs, limits.retryDelayMsMax)) {
      if (await tell().then(() => true, failed)) return;
      if (clock.monotonic() - since >= retriedMs) return;
      await sleepOn(clock, delayMs);
    }
  };
  /** Too much to be kept until the cache is back: it forgets all pages then. */
  const forget = async (): Promise<void> => {
    if (isForgetting) return;
    isForgetting = true;
    await untilThrough(() => cache.forget());
    isForgetting = false;
  };
  const clear = async (mark: Mark): Promise<void> => {
    if (behindScopes + mark.scopes.length > limits.pageScopesBehindMax) return forget();
    behindScopes += mark.scopes.length;
    metrics.pageMarksBehind.set(behindScopes);
    await untilThrough(() => cache.clear(mark));
    behindScopes -= mark.scopes.length;
    metrics.pageMarksBehind.set(behindScopes);
  };

  return {
    changing: async (write) => {
      let mark: Mark | null = null;
      const announce: Announce = async (scopes) => {
        const own = { token: randomUUID(), scopes };
        mark = own;
        await cache.mark(own).catch(failed); // I1
      };
      const settled = (delayMs: number): void => {
        const own = mark;
        if (own === null) return;
        const later = delayMs === 0 ? Promise.resolve() : sleepOn(clock, delayMs);
        void later.then(() => clear(own));
      };
      try {
        const result = await write(announce);
        settled(0);
        return result;
      } catch (error) {
        settled(error instanceof StoreUnavailable ? markTtlMs : 0); // I2
        throw error;
      }
    },
    close: () => {
      isClosed = true;
    },
  };
}
