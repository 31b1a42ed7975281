/**
 * Pages as they are read: from the cache, else from PostgreSQL, and then put.
 *
 * Who owns what: the cache has the pages (src/stores/page-cache.ts). This object keeps those that it has read, as they were parsed, and asks
 * each time whether they still count.
 *
 * I1 Who asks for a page shares the flight of those who asked before, but only until that begins: whatever it finds is then no older than
 *    what anybody had been told when its requests came.
 * I2 PostgreSQL is read only after the answer that gave the fill, or that said that there is none; and what it said is told only after it was
 *    settled. Only without the cache is it told as it is.
 * I3 One flight of a page at a time in this process; among processes one reader has the fill, and others wait for it, though not for long.
 */
import { LRUCache } from "lru-cache";
import { sleepOn, systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { Metrics } from "../ops/metrics.ts";
import { CacheUnavailable } from "../stores/effects-cache.ts";
import type { Fill, KeptPage, Page, PageCache, SettledPage } from "../stores/page-cache.ts";

/** From the cache; from PostgreSQL; or from PostgreSQL because the cache could not be asked, or a writer was under way. */
export type PageSource = "hit" | "miss" | "bypass";
export type ReadPage<Answer> = { readonly answer: Answer; readonly source: PageSource };

export type PagesOptions<Content, Answer> = {
  /** Null: PostgreSQL is always read. */
  readonly cache: PageCache | null;
  readonly parse: (text: string) => Content;
  /** Adds what is no part of the page, and as fresh as can be. It may be asked in vain. */
  readonly complete: (content: Content) => Promise<Answer>;
  readonly metrics: Pick<Metrics, "cacheFailures">;
  readonly clock?: Pick<Clock, "after" | "monotonic">;
  /** For tests: `limits.pageFillWaitMs` otherwise. */
  readonly fillWaitMs?: number;
};

/** `load` reads PostgreSQL; null: there is no such page, and nothing is put. Rejects as `load` and `complete` do. */
export type Pages<Answer> = (page: Page, load: () => Promise<string | null>) => Promise<ReadPage<Answer> | null>;

type Parsed<Content> = { readonly stamp: string; readonly content: Content; readonly bytes: number };
/** `fill`: null where nothing can be put. */
type Missed = { readonly kind: "missed"; readonly fill: Fill | null; readonly source: PageSource };

export function createPages<Content, Answer>(options: PagesOptions<Content, Answer>): Pages<Answer> {
  const { cache, parse, complete, metrics, clock = systemClock, fillWaitMs = limits.pageFillWaitMs } = options;
  if (cache === null) {
    return async (_page, load) => {
      const text = await load();
      return text === null ? null : { answer: await complete(parse(text)), source: "bypass" };
    };
  }
  const memory = new LRUCache<string, Parsed<Content>>({
    maxSize: limits.pageMemoryBytesMax,
    sizeCalculation: ({ bytes }) => bytes,
  });

  const remember = ({ key }: Page, { stamp, text }: KeptPage, content: Content): void => {
    memory.set(key, { stamp, content, bytes: 2 * text.length + limits.pageOverheadBytes });
  };
  const found = async (page: Page, kept: KeptPage): Promise<ReadPage<Answer>> => {
    const content = parse(kept.text);
    remember(page, kept, content);
    return { answer: await complete(content), source: "hit" };
  };
  const withoutCache = (error: unknown): null => {
    if (!(error instanceof CacheUnavailable)) throw error;
    metrics.cacheFailures.inc();
    return null;
  };
  /** Keeps I3. */
  const take = async (page: Page): Promise<({ readonly kind: "hit" } & KeptPage) | Missed> => {
    const since = clock.monotonic();
    for (;;) {
      const taken = await cache.take(page, clock.monotonic() - since >= fillWaitMs);
      if (taken.kind === "hit") return taken;
      if (taken.kind === "fill") return { kind: "missed", fill: taken.fill, source: "miss" };
      if (taken.kind === "busy") return { kind: "missed", fill: null, source: "bypass" };
      await sleepOn(clock, limits.pageFillPollMs);
    }
  };
  const settle = (page: Page, fill: Fill | null, text: string | null): Promise<SettledPage> =>
    cache.settle(page, fill, text).catch((error: unknown) => {
      withoutCache(error);
      return { kind: "not_put" };
    });

  const readStore = async (page: Page, load: () => Promise<string | null>, { fill, source }: Missed) => {
    const text = await load().catch((error: unknown) => {
      if (fill !== null) void settle(page, fill, null); // Others need not wait for it.
      throw error;
    });
    if (text === null) {
      if (fill !== null) void settle(page, fill, null);
      return null;
    }
    const content = parse(text);
    const [settled, answer] = await Promise.all([settle(page, fill, fill === null ? null : text), complete(content)]); // I2
    if (settled.kind === "hit") return found(page, settled);
    if (settled.kind === "put") remember(page, { stamp: settled.stamp, text }, content);
    return { answer, source };
  };
  const read = async (page: Page, load: () => Promise<string | null>): Promise<ReadPage<Answer> | null> => {
    const known = memory.get(page.key);
    // Asked at once: most of the time the page is still the same.
    const completed = known === undefined ? null : complete(known.content);
    completed?.catch(() => undefined);
    const looked = await cache.look(page, known?.stamp ?? null).catch(withoutCache);
    if (looked?.kind === "same" && completed !== null) return { answer: await completed, source: "hit" };
    if (looked?.kind === "hit") return found(page, looked);
    if (looked !== null) memory.delete(page.key);
    const taken = looked === null ? null : await take(page).catch(withoutCache);
    if (taken?.kind === "hit") return found(page, taken);
    if (taken !== null) return readStore(page, load, taken);
    const text = await load();
    return text === null ? null : { answer: await complete(parse(text)), source: "bypass" };
  };

  const takeTurns = createTurns<ReadPage<Answer> | null>();
  return (page, load) => takeTurns(page.key, () => read(page, load));
}

/** One flight of a key at a time; who comes meanwhile shares the next one (I1). */
function createTurns<Result>() {
  type Turn = { next: Promise<Result> | null; done: Promise<void> };
  const turns = new Map<string, Turn>();

  const begin = (key: string, run: () => Promise<Result>): Promise<Result> => {
    const flight = run();
    const end = (): void => {
      if (turn.next === null) turns.delete(key);
    };
    const turn: Turn = { next: null, done: flight.then(end, end) };
    turns.set(key, turn);
    return flight;
  };
  return (key: string, run: () => Promise<Result>): Promise<Result> => {
    const turn = turns.get(key);
    if (turn === undefined) return begin(key, run);
    turn.next ??= turn.done.then(() => begin(key, run));
    return turn.next;
  };
}
