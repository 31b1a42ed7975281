/**
 * Pages in Redis. The invariants are those of the port, and each is kept by one script, in one step of Redis. What requests look for within
 * one turn of the event loop goes out as one MGET, in which Redis tells of pages and of all that they count by at one moment. Nothing is
 * kept here between calls but the breaker's pause.
 */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { limits } from "../../limits.ts";
import type { Fill, LookedPage, Page, PageCache, SettledPage, TakenFill } from "../page-cache.ts";
import { createTickBatch } from "../tick-batch.ts";
import { createBreaker } from "./breaker.ts";
import {
  pageFillKey,
  pageKey,
  pagesBytesKey,
  pagesIncarnationKey,
  pagesIndexKey,
  pageStampKey,
  scopeKey,
} from "./keys.ts";
import { loadScript, runScript } from "./script.ts";

const takePage = loadScript("./take-page.lua");
const settlePage = loadScript("./settle-page.lua");
const markScopes = loadScript("./mark-scopes.lua");
const clearScopes = loadScript("./clear-scopes.lua");
const touchScopes = loadScript("./touch-scopes.lua");

export type RedisPageCacheOptions = {
  readonly redis: Redis;
  /** What all pages may take, by `limits.pageOverheadBytes` and their texts. */
  readonly bytesMax: number;
  /** For tests: `limits` otherwise. */
  readonly markTtlMs?: number;
  readonly fillTtlMs?: number;
  readonly pageTtlMs?: number;
};

type Question = { readonly page: Page; readonly known: string | null };
/** A stamp that counts, and not the one that was known: its text is to be fetched. */
type Other = { readonly kind: "other" };

export function createRedisPageCache(options: RedisPageCacheOptions): PageCache {
  const { redis, bytesMax, markTtlMs = limits.pageMarkTtlMs } = options;
  const { fillTtlMs = limits.pageFillTtlMs, pageTtlMs = limits.pageTtlMs } = options;
  const guarded = createBreaker(redis);

  const lookAll = (questions: readonly Question[]) =>
    guarded(async () => {
      const keys = [pagesIncarnationKey];
      for (const { page, known } of questions) {
        keys.push(known === null ? pageKey(page.key) : pageStampKey(page.key));
        for (const scope of page.scopes) keys.push(scopeKey(scope));
      }
      const [incarnation = null, ...values] = await redis.mget(keys);
      let at = 0;
      return questions.map(({ page, known }) => {
        const found = values[at++] ?? null;
        const generations = values.slice(at, (at += page.scopes.length));
        return lookedPage({ found, incarnation, generations, known });
      });
    });
  const ask = createTickBatch<Question, LookedPage | Other>(limits.cacheScriptEntriesMax, lookAll);
  const look = async (page: Page, known: string | null): Promise<LookedPage> => {
    const looked = await ask({ page, known });
    if (looked.kind !== "other") return looked;
    const again = await ask({ page, known: null });
    return again.kind === "other" ? { kind: "miss" } : again;
  };

  const inSlices = (scopes: readonly string[], run: (keys: string[]) => Promise<unknown>): Promise<void> =>
    guarded(async () => {
      const size = limits.cacheScriptEntriesMax;
      const slices = Array.from({ length: Math.ceil(scopes.length / size) }, (_, index) =>
        scopes.slice(index * size, (index + 1) * size).map(scopeKey),
      );
      await Promise.all(slices.map(run));
    });

  return {
    look,
    take: (page, shares) =>
      guarded(async () => {
        const keys = [pagesIncarnationKey, pageKey(page.key), pageFillKey(page.key), ...page.scopes.map(scopeKey)];
        return takenFill(await runScript(redis, takePage, keys, [newWord(), markTtlMs, fillTtlMs, shares ? 1 : 0]));
      }),
    settle: (page, fill, text) =>
      guarded(async () => {
        const { key } = page;
        const bytes = Buffer.byteLength(text ?? "") + limits.pageOverheadBytes;
        const fits = text !== null && bytes <= Math.min(bytesMax, limits.pageBytesMax);
        const keys = [pagesIncarnationKey, pageKey(key), pageStampKey(key), pageFillKey(key)];
        const args = [fill?.token ?? "", newWord(), jittered(pageTtlMs), limits.pageGenerationTtlMs, bytesMax, bytes];
        args.push(key, limits.pagesTrimmedMax, fits ? 1 : 0, fits ? text : "", ...noted(page, fill));
        const all = [...keys, pagesIndexKey, pagesBytesKey, ...page.scopes.map(scopeKey)];
        return settledPage(await runScript(redis, settlePage, all, args));
      }),
    mark: ({ token, scopes }) =>
      inSlices(scopes, (keys) => runScript(redis, markScopes, keys, [token, markTtlMs, limits.pageGenerationTtlMs])),
    clear: ({ token, scopes }) =>
      inSlices(scopes, (keys) => runScript(redis, clearScopes, keys, [token, limits.pageGenerationTtlMs])),
    touch: (scopes) => inSlices(scopes, (keys) => runScript(redis, touchScopes, keys, [])),
    forget: () =>
      guarded(async () => {
        await redis.del(pagesIncarnationKey);
      }),
  };
}

/** In a stamp and in lists of marks it stands between spaces. */
const newWord = (): string => randomUUID().replaceAll("-", "").slice(0, 20);

const jittered = (ms: number): number => Math.round(ms * (0.8 + 0.4 * Math.random()));

const noted = ({ scopes }: Page, fill: Fill | null): string[] =>
  fill === null ? ["", ...scopes.map(() => "")] : [fill.incarnation, ...fill.generations];

type Found = {
  readonly found: string | null;
  readonly incarnation: string | null;
  readonly generations: readonly (string | null)[];
  readonly known: string | null;
};

/** A scope that is marked is no beginning of a stamp, nor is one that has no generation. */
function lookedPage({ found, incarnation, generations, known }: Found): LookedPage | Other {
  if (found === null || incarnation === null) return { kind: "miss" };
  const word = incarnation.slice(0, incarnation.indexOf(" "));
  if (!found.startsWith(`${word} ${generations.join(" ")} `)) return { kind: "miss" };
  if (known !== null) return found === known ? { kind: "same" } : { kind: "other" };
  const stop = found.indexOf("\n");
  return { kind: "hit", stamp: found.slice(0, stop), text: found.slice(stop + 1) };
}

function takenFill(result: unknown): TakenFill {
  const [kind, ...words] = wordsOf(result);
  if (kind === "taken" || kind === "busy") return { kind };
  const [first = "", second = "", ...generations] = words;
  if (kind === "hit") return { kind, stamp: first, text: second };
  return { kind: "fill", fill: { token: first, incarnation: second, generations } };
}

function settledPage(result: unknown): SettledPage {
  const [kind, stamp = "", text = ""] = wordsOf(result);
  if (kind === "put") return { kind, stamp };
  return kind === "hit" ? { kind, stamp, text } : { kind: "not_put" };
}

function wordsOf(result: unknown): string[] {
  if (!Array.isArray(result)) throw new TypeError("the script must return an array");
  return result.map(String);
}
