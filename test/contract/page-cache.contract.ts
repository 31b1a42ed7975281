/** What every cache of pages does. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import type { Fill, Page, PageCache, TakenFill } from "../../src/stores/page-cache.ts";

export type PageCacheWorld = {
  /** The same pages, seen by two processes; `bytesMax` is theirs. */
  readonly instances: readonly [PageCache, PageCache];
  readonly bytesMax: number;
  readonly markTtlMs: number;
  readonly fillTtlMs: number;
  readonly pass: (ms: number) => Promise<unknown>;
  readonly flush: () => Promise<unknown>;
  /** How many pages are kept. */
  readonly size: () => Promise<number>;
  readonly close: () => void;
};

const page: Page = { key: "toys", scopes: ["category:toys", "shelf"] };
const marginMs = 50;

export function describePageCache(name: string, open: () => Promise<PageCacheWorld>): void {
  describe(`pages ${name}`, () => {
    let world: PageCacheWorld;
    let cache: PageCache;
    let other: PageCache;
    beforeEach(async () => {
      world = await open();
      await world.flush();
      [cache, other] = world.instances;
      // Nothing is put until a mark that may have been lost is over.
      expect(await cache.take(page, false)).toEqual({ kind: "busy" });
      await world.pass(world.markTtlMs + marginMs);
    });
    afterEach(() => world.close());

    const fillOf = (taken: TakenFill): Fill => {
      if (taken.kind !== "fill") throw new Error(`no fill, but ${taken.kind}`);
      return taken.fill;
    };
    const take = async (of: Page = page): Promise<Fill> => fillOf(await cache.take(of, true));
    const put = async (text: string, of: Page = page): Promise<string> => {
      const settled = await cache.settle(of, await take(of), text);
      if (settled.kind !== "put") throw new Error(`not put, but ${settled.kind}`);
      return settled.stamp;
    };

    test("what was put is found by everybody, and its stamp tells that it is the same", async () => {
      expect(await cache.look(page, null)).toEqual({ kind: "miss" });
      const stamp = await put("Überraschung\n€");
      expect(await other.look(page, null)).toEqual({ kind: "hit", stamp, text: "Überraschung\n€" });
      expect(await other.look(page, stamp)).toEqual({ kind: "same" });
      expect(await other.look(page, "another")).toEqual({ kind: "hit", stamp, text: "Überraschung\n€" });
      expect(await other.take(page, false)).toEqual({ kind: "hit", stamp, text: "Überraschung\n€" });
    });

    test("one reader has the fill; another may share it, and who settles first puts", async () => {
      const fill = await take();
      expect(await other.take(page, false)).toEqual({ kind: "taken" });
      const shared = fillOf(await other.take(page, true));
      const settled = await other.settle(page, shared, "second");
      expect(settled.kind).toBe("put");
      expect(await cache.settle(page, fill, "first")).toMatchObject({ kind: "hit", text: "second" });
    });

    test("a fill ends by itself", async () => {
      const fill = await take();
      await world.pass(world.fillTtlMs + marginMs);
      expect((await other.take(page, false)).kind).toBe("fill");
      expect(await cache.settle(page, fill, "late")).toEqual({ kind: "not_put" });
    });

    test("an answer that was read without a fill ends those of others", async () => {
      const fill = await take();
      expect(await other.settle(page, null, null)).toEqual({ kind: "not_put" });
      expect(await cache.settle(page, fill, "older, perhaps")).toEqual({ kind: "not_put" });
      expect(await cache.look(page, null)).toEqual({ kind: "miss" });
    });

    test("while a scope is marked, its pages are neither shown nor put; afterwards they count no more", async () => {
      const stamp = await put("before");
      const mark = { token: "writer", scopes: ["category:toys", "product:ball"] };
      await cache.mark(mark);
      expect(await other.look(page, stamp)).toEqual({ kind: "miss" });
      expect(await other.take(page, true)).toEqual({ kind: "busy" });
      expect((await other.take({ key: "shelf", scopes: ["shelf"] }, true)).kind).toBe("fill");
      await cache.clear(mark);
      expect(await other.look(page, stamp)).toEqual({ kind: "miss" });
      expect((await other.take(page, false)).kind).toBe("fill");
    });

    test.each([true, false])("a fill from before a mark puts nothing, cleared: %s", async (isCleared) => {
      const fill = await take();
      const mark = { token: "writer", scopes: ["shelf"] };
      await cache.mark(mark);
      if (isCleared) await cache.clear(mark);
      expect(await other.settle(page, fill, "before")).toEqual({ kind: "not_put" });
    });

    test("each of several writers has a mark of its own", async () => {
      const [one, two] = [
        { token: "one", scopes: ["shelf"] },
        { token: "two", scopes: ["shelf"] },
      ];
      await cache.mark(one);
      await other.mark(two);
      await other.clear(two);
      expect(await cache.take(page, true)).toEqual({ kind: "busy" });
      await cache.clear(one);
      expect((await cache.take(page, true)).kind).toBe("fill");
    });

    test("a mark whose writer died ends, and what was put before counts no more", async () => {
      const stamp = await put("before");
      await cache.mark({ token: "dead", scopes: ["shelf"] });
      await world.pass(world.markTtlMs / 2);
      const mark = { token: "alive", scopes: ["shelf"] };
      await cache.mark(mark);
      await cache.clear(mark);
      expect(await other.take(page, true)).toEqual({ kind: "busy" });
      await world.pass(world.markTtlMs / 2 + marginMs);
      expect(await other.look(page, stamp)).toEqual({ kind: "miss" });
      expect((await other.take(page, true)).kind).toBe("fill");
    });

    test.each(["clear", "touch"] as const)("%s without a mark changes generations", async (way) => {
      const stamp = await put("before");
      const change = () =>
        way === "touch" ? cache.touch(["shelf"]) : cache.clear({ token: "late", scopes: ["shelf"] });
      await change();
      expect(await other.look(page, stamp)).toEqual({ kind: "miss" });
      const fill = await take();
      await change();
      expect(await cache.settle(page, fill, "before")).toEqual({ kind: "not_put" });
    });

    test("a scope that had no generation is noticed to have changed", async () => {
      const fresh = { key: "fresh", scopes: ["category:fresh"] };
      const fill = await take(fresh);
      await cache.touch(["category:fresh"]);
      expect(await cache.settle(fresh, fill, "before")).toEqual({ kind: "not_put" });
    });

    test("a touch leaves a mark on", async () => {
      await cache.mark({ token: "writer", scopes: ["shelf"] });
      await other.touch(["shelf"]);
      expect(await other.take(page, true)).toEqual({ kind: "busy" });
    });

    test.each(["flush", "forget"] as const)(
      "after a %s nothing is put for as long as a mark may be on",
      async (way) => {
        const stamp = await put("before");
        const unused = await take({ key: "other", scopes: ["shelf"] });
        await (way === "flush" ? world.flush() : cache.forget());
        expect(await other.look(page, stamp)).toEqual({ kind: "miss" });
        expect(await cache.settle({ key: "other", scopes: ["shelf"] }, unused, "before")).toEqual({ kind: "not_put" });
        expect(await other.take(page, true)).toEqual({ kind: "busy" });
        await world.pass(world.markTtlMs + marginMs);
        expect((await other.take(page, true)).kind).toBe("fill");
      },
    );

    test("many scopes are marked at once", async () => {
      const scopes = Array.from({ length: limits.cacheScriptEntriesMax + 1 }, (_, number) => `product:${number}`);
      await cache.mark({ token: "import", scopes });
      const pages = ["product:0", `product:${limits.cacheScriptEntriesMax}`].map((scope) => ({
        key: scope.slice(8),
        scopes: [scope],
      }));
      for (const each of pages) expect(await other.take(each, true)).toEqual({ kind: "busy" });
      await cache.clear({ token: "import", scopes });
      for (const each of pages) expect((await other.take(each, true)).kind).toBe("fill");
    });

    test("pages take no more than their budget, and what is put makes room for itself", async () => {
      const text = "x".repeat(Math.floor(world.bytesMax / 4) - limits.pageOverheadBytes);
      for (let number = 0; number < 12; number++) await put(text, { key: `page-${number}`, scopes: ["shelf"] });
      expect(await world.size()).toBe(4);
      expect((await other.look({ key: "page-11", scopes: ["shelf"] }, null)).kind).toBe("hit");
      await put("again", { key: "page-12", scopes: ["shelf"] });
      expect(await world.size()).toBe(4);
    });

    test("what is larger than a page may be is not kept", async () => {
      const text = "x".repeat(Math.min(world.bytesMax, limits.pageBytesMax));
      expect(await cache.settle(page, await take(), text)).toEqual({ kind: "not_put" });
      expect(await cache.look(page, null)).toEqual({ kind: "miss" });
    });
  });
}
