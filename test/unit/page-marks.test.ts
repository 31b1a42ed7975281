import { describe, expect, test } from "vitest";
import { createPageMarks } from "../../src/api/page-marks.ts";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import { createMemoryPageCache } from "../../src/stores/memory/page-cache.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";

const page = { key: "toys", scopes: ["category:toys"] };

async function openWorld() {
  const clock = new FakeClock();
  const metrics = createMetrics({ defaults: false });
  const cache = createMemoryPageCache({ now: clock.now });
  const marks = createPageMarks({ cache, metrics, clock });
  await cache.take(page, true);
  await clock.advance(limits.pageMarkTtlMs);
  const put = async (): Promise<void> => {
    const taken = await cache.take(page, true);
    if (taken.kind === "fill") await cache.settle(page, taken.fill, "text");
    expect(await kind()).toBe("hit");
  };
  const kind = async () => (await cache.look(page, null)).kind;
  const busy = async () => (await cache.take(page, true)).kind === "busy";
  const behind = async () => (await metrics.pageMarksBehind.get()).values[0]?.value;
  return { clock, cache, marks, put, kind, busy, behind };
}

describe("who changes what pages show", () => {
  test("has a mark on while it does, and no longer", async () => {
    const { marks, busy, put, kind } = await openWorld();
    await put();
    const result = await marks.changing(async (announce) => {
      await announce(page.scopes);
      expect(await busy()).toBe(true);
      return "done";
    });
    expect(result).toBe("done");
    await settled();
    expect([await busy(), await kind()]).toEqual([false, "miss"]);
  });

  test("has none where nothing changes", async () => {
    const { marks, put, kind } = await openWorld();
    await put();
    await marks.changing(() => Promise.resolve());
    await settled();
    expect(await kind()).toBe("hit");
  });

  test("takes it off after a refusal at once, and where nobody knows how it ended, when it is over for certain", async () => {
    const { marks, busy, clock } = await openWorld();
    const changing = (error: Error) =>
      marks.changing(async (announce) => {
        await announce(page.scopes);
        throw error;
      });
    await expect(changing(new Error("refused"))).rejects.toThrow("refused");
    await settled();
    expect(await busy()).toBe(false);
    await expect(changing(new StoreUnavailable("no answer"))).rejects.toThrow("no answer");
    await clock.advance(limits.pageMarkTtlMs - 1);
    expect(await busy()).toBe(true);
    await clock.advance(1);
    expect(await busy()).toBe(false);
  });

  test("is not held up by a cache that is away, and tells it when it is back", async () => {
    const { marks, cache, clock, put, kind, behind } = await openWorld();
    await put();
    cache.setAway(true);
    await marks.changing((announce) => announce(page.scopes));
    await clock.advance(10_000);
    expect(await behind()).toBe(1);
    cache.setAway(false);
    expect(await kind()).toBe("hit");
    await clock.advance(limits.retryDelayMsMax);
    expect([await kind(), await behind()]).toEqual(["miss", 0]);
  });

  test("has it forget all pages where too much changed meanwhile", async () => {
    const { marks, cache, clock, put, kind, behind } = await openWorld();
    await put();
    cache.setAway(true);
    const scopes = Array.from({ length: limits.pageScopesBehindMax }, (_, number) => `product:${number}`);
    await marks.changing((announce) => announce(scopes));
    await marks.changing((announce) => announce(page.scopes));
    await settled();
    expect(await behind()).toBe(limits.pageScopesBehindMax);
    cache.setAway(false);
    await clock.advance(limits.retryDelayMsMax);
    expect([await kind(), await behind()]).toEqual(["miss", 0]);
  });

  test("gives up when every page of before has expired, and when it is closed", async () => {
    const { marks, cache, clock, behind } = await openWorld();
    cache.setAway(true);
    await marks.changing((announce) => announce(page.scopes));
    await clock.advance(2 * limits.pageTtlMs);
    expect(await behind()).toBe(0);
    await marks.changing((announce) => announce(page.scopes));
    marks.close();
    await clock.advance(limits.retryDelayMsMax);
    expect(await behind()).toBe(0);
  });
});
