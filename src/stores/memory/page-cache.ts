/**
 * Pages in memory, for the simulation and for tests: the same rules as those of the scripts in Redis, each method as one step. It passes the
 * contract suite that the Redis adapter passes (test/contract/page-cache.test.ts).
 */
import { limits } from "../../limits.ts";
import { CacheUnavailable } from "../effects-cache.ts";
import type { Fill, KeptPage, Page, PageCache } from "../page-cache.ts";

type Scope = { readonly kind: "quiet"; readonly generation: string; readonly until: number } | Busy;
type Busy = { readonly kind: "busy"; readonly marks: ReadonlyMap<string, number> };
type Kept = KeptPage & { readonly incarnation: string; readonly generations: readonly string[] } & Counted;
type Counted = { readonly until: number; readonly bytes: number };

/**
 * Guards that can be taken out one by one, so that a property can show that it notices: the `marks` of writers; the `generations` that a
 * fill noted; the `fill` itself; that an answer `settles`, which ends fills; and the `pause` after a loss.
 */
export type PageGuardName = "marks" | "generations" | "fill" | "settles" | "pause";

export type MemoryPageCacheOptions = {
  readonly now?: () => number;
  readonly bytesMax?: number;
  readonly markTtlMs?: number;
  readonly fillTtlMs?: number;
  readonly without?: readonly PageGuardName[];
};
export type MemoryPageCache = ReturnType<typeof createMemoryPageCache>;

export function createMemoryPageCache(options: MemoryPageCacheOptions = {}) {
  const { now = Date.now, bytesMax = Infinity, without = [] } = options;
  const { markTtlMs = limits.pageMarkTtlMs, fillTtlMs = limits.pageFillTtlMs } = options;
  const guards = (name: PageGuardName): boolean => !without.includes(name);
  const scopes = new Map<string, Scope>();
  const pages = new Map<string, Kept>();
  const fills = new Map<string, { readonly token: string; readonly until: number }>();
  let incarnation: { readonly word: string; readonly usableFrom: number } | null = null;
  let words = 0;
  let isAway = false;

  const newWord = (): string => `w${++words}`;
  /** Null: marked. */
  const generationOf = (scope: string): string | null => {
    const known = scopes.get(scope);
    if (known?.kind === "busy") {
      if ([...known.marks.values()].some((until) => until > now())) return guards("marks") ? null : none;
      scopes.delete(scope);
    }
    return known?.kind === "quiet" && known.until > now() ? known.generation : none;
  };
  const generationsOf = (page: Page): string[] | null => {
    const generations = page.scopes.map(generationOf).filter((each) => each !== null);
    return generations.length === page.scopes.length ? generations : null;
  };
  const validPage = (page: Page): Kept | null => {
    const kept = pages.get(page.key);
    const generations = generationsOf(page);
    if (kept === undefined || generations === null || kept.until <= now()) return null;
    if (kept.incarnation !== incarnation?.word) return null;
    return isSame(kept.generations, generations) ? kept : null;
  };
  const keep = (scope: string, generation: string, ms: number): void => {
    scopes.set(scope, { kind: "quiet", generation, until: now() + ms });
  };
  const makeRoom = (bytes: number): boolean => {
    for (const [key, { until }] of pages) if (until <= now()) pages.delete(key);
    const soonest = [...pages].sort(([, one], [, other]) => one.until - other.until);
    let total = soonest.reduce((sum, [, each]) => sum + each.bytes, 0);
    for (const [key, each] of soonest.slice(0, limits.pagesTrimmedMax)) {
      if (total <= bytesMax - bytes) break;
      pages.delete(key);
      total -= each.bytes;
    }
    return total <= bytesMax - bytes;
  };
  const put = (page: Page, text: string, bytes: number): string => {
    const generations = generationsOf(page) ?? [];
    page.scopes.forEach((scope, at) => keep(scope, generations[at] ?? "", limits.pageGenerationTtlMs));
    const stamp = `${generations.join(" ")} ${newWord()}`;
    const kept = { stamp, text, generations, incarnation: incarnation?.word ?? "", until: now() + limits.pageTtlMs };
    pages.delete(page.key);
    pages.set(page.key, { ...kept, bytes });
    return stamp;
  };
  const mayPut = (page: Page, fill: Fill | null): boolean => {
    const known = fills.get(page.key);
    const generations = generationsOf(page);
    if (fill === null || generations === null) return false;
    const isOwn = known?.token === fill.token && known.until > now();
    const isQuiet = fill.incarnation === incarnation?.word && isSame(fill.generations, generations);
    return (isOwn || !guards("fill")) && (isQuiet || !guards("generations"));
  };
  /** Runs at once, as one step; a failure rejects, as with Redis. */
  const step = <Result>(work: () => Result): Promise<Result> =>
    Promise.resolve().then(() => {
      if (isAway) throw new CacheUnavailable("the memory cache is switched off");
      return work();
    });
  const hit = ({ stamp, text }: KeptPage) => ({ kind: "hit", stamp, text }) as const;

  const cache: PageCache = {
    look: (page, known) =>
      step(() => {
        const kept = validPage(page);
        if (kept === null) return { kind: "miss" };
        return kept.stamp === known ? { kind: "same" } : hit(kept);
      }),
    take: (page, shares) =>
      step(() => {
        incarnation ??= { word: newWord(), usableFrom: guards("pause") ? now() + markTtlMs : 0 };
        if (incarnation.usableFrom > now() || generationsOf(page) === null) return { kind: "busy" };
        for (const scope of page.scopes) if (generationOf(scope) === none) keep(scope, newWord(), 2 * fillTtlMs);
        const generations = generationsOf(page) ?? [];
        const kept = validPage(page);
        if (kept !== null) return hit(kept);
        const known = fills.get(page.key);
        const taken = known !== undefined && known.until > now() ? known : null;
        if (taken !== null && !shares) return { kind: "taken" };
        const token = taken?.token ?? newWord();
        if (taken === null) fills.set(page.key, { token, until: now() + fillTtlMs });
        return { kind: "fill", fill: { token, incarnation: incarnation.word, generations } };
      }),
    settle: (page, fill, text) =>
      step(() => {
        const kept = validPage(page);
        if (kept !== null) return hit(kept);
        const bytes = Buffer.byteLength(text ?? "") + limits.pageOverheadBytes;
        const fits = text !== null && bytes <= Math.min(bytesMax, limits.pageBytesMax);
        const puts = fits && mayPut(page, fill);
        if (puts || guards("settles")) fills.delete(page.key);
        pages.delete(page.key);
        if (!puts || !makeRoom(bytes)) return { kind: "not_put" };
        return { kind: "put", stamp: put(page, text, bytes) };
      }),
    mark: ({ token, scopes: marked }) =>
      step(() => {
        for (const scope of marked) {
          const known = scopes.get(scope);
          const marks = known?.kind === "busy" ? known.marks : new Map<string, number>();
          scopes.set(scope, { kind: "busy", marks: new Map(marks).set(token, now() + markTtlMs) });
        }
      }),
    clear: ({ token, scopes: marked }) =>
      step(() => {
        for (const scope of marked) {
          const known = scopes.get(scope);
          const marks = known?.kind === "busy" ? [...known.marks] : [];
          const others = marks.filter(([other, until]) => other !== token && until > now());
          if (others.length === 0) scopes.delete(scope);
          else scopes.set(scope, { kind: "busy", marks: new Map(others) });
        }
      }),
    touch: (touched) =>
      step(() => {
        for (const scope of touched) if (generationOf(scope) !== null) scopes.delete(scope);
      }),
    forget: () => step(() => void (incarnation = null)),
  };

  return {
    ...cache,
    /** Everything is lost, as when Redis is emptied. */
    flush: (): void => {
      for (const map of [scopes, pages, fills]) map.clear();
      incarnation = null;
    },
    /** The page alone is lost, as when memory runs short. */
    lose: (key: string): boolean => pages.delete(key),
    /** While true, every call rejects with `CacheUnavailable`. */
    setAway: (value: boolean): void => void (isAway = value),
    /** Pages that are kept, whether they count or not. */
    size: (): number => pages.size,
  };
}

/** No generation, and never noted as one. */
const none = "";

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((each, index) => each === other[index]);
