// What workers do, on stubs: a delivery's job, what expires, and the looks.
import { describe, expect, test } from "vitest";
import { createAuditJob } from "../../src/jobs/audit.ts";
import { createDeliverWebhook } from "../../src/jobs/deliver-webhook.ts";
import { createExpire } from "../../src/jobs/expire.ts";
import { gently } from "../../src/jobs/gently.ts";
import { createLooks } from "../../src/jobs/looks.ts";
import { measured } from "../../src/jobs/measured.ts";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import type { Job } from "../../src/queue/queue.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import type { DueDelivery, Verdict } from "../../src/stores/webhook-store.ts";
import { placeOrder, receiveStock } from "../support/commands.ts";
import { auditDepsOf, historyOf } from "./audit-history.ts";
import type { History } from "./audit-history.ts";

const log = { info: () => undefined, warn: () => undefined };
const metrics = createMetrics({ defaults: false });
const job = (fields: Partial<Job> = {}): Job => ({
  id: "j1",
  data: { deliveryId: "d1" },
  isLast: false,
  signal: new AbortController().signal,
  ...fields,
});

describe("the job of a delivery", () => {
  const due: DueDelivery = {
    id: "d1",
    webhookId: "w1",
    eventId: "e1",
    type: "order.packed",
    state: "pending",
    body: "{}",
    url: "https://shop.example/",
    secrets: ["s"],
    isEnabled: true,
  };
  type Outcome = { status: number | null; error: string | null };
  const run = async (found: DueDelivery | null, { status, error }: Outcome, fields: Partial<Job> = {}) => {
    const recorded: [Verdict, boolean][] = [];
    let sent = 0;
    const handler = createDeliverWebhook({
      deliveries: {
        due: () => Promise.resolve(found),
        record: (_id, attempt, verdict) => {
          recorded.push([verdict, attempt !== null]);
          return Promise.resolve({ disabledBecause: null });
        },
      },
      send: () => {
        sent += 1;
        return Promise.resolve({ durationMs: 1, status, error, answer: null });
      },
      metrics,
      log,
    });
    const failure = await handler(job(fields)).then(
      () => null,
      (thrown: unknown) => String(thrown),
    );
    return { recorded, sent, failure };
  };
  const taken = { status: 200, error: null };
  const busy = { status: 503, error: "it answered 503" };

  test("ends when it is taken, comes again when not, and is given up the last time", async () => {
    expect(await run(due, taken)).toEqual({ recorded: [["delivered", true]], sent: 1, failure: null });
    expect(await run(due, busy)).toMatchObject({
      recorded: [["again", true]],
      failure: "AttemptFailed: it answered 503",
    });
    expect(await run(due, busy, { isLast: true })).toEqual({ recorded: [["failed", true]], sent: 1, failure: null });
    expect(await run(due, { status: 410, error: "it answered 410" })).toMatchObject({
      recorded: [["gone", true]],
      failure: null,
    });
  });

  test("sends nothing where there is nobody to send to, or it was settled", async () => {
    expect(await run(null, taken)).toEqual({ recorded: [], sent: 0, failure: null });
    expect(await run({ ...due, state: "delivered" }, taken)).toEqual({ recorded: [], sent: 0, failure: null });
    expect(await run({ ...due, isEnabled: false }, taken)).toEqual({
      recorded: [["failed", false]],
      sent: 0,
      failure: null,
    });
  });

  test("an attempt that the worker's stop cut short is none", async () => {
    const cut = { status: null, error: "aborted" };
    expect(await run(due, cut, { signal: AbortSignal.abort() })).toMatchObject({
      recorded: [],
      failure: "AttemptFailed: the worker stops",
    });
    // One that was taken nevertheless counts.
    expect(await run(due, taken, { signal: AbortSignal.abort() })).toMatchObject({ recorded: [["delivered", true]] });
  });
});

describe("expiry", () => {
  test("removes some at a time, until less than that is left, and stops when it is told to", async () => {
    const left: Record<string, number> = { deliveries: 25, alerts: 10, assignments: 0, audits: 3, givenUp: 1 };
    const asked: string[] = [];
    const take = (name: string, limit: number): Promise<number> => {
      asked.push(name);
      const count = Math.min(limit, left[name] ?? 0);
      left[name] = (left[name] ?? 0) - count;
      return Promise.resolve(count);
    };
    const stop = new AbortController();
    const expiry = {
      expire: (kind: string, _days: number, limit: number) => take(kind, limit),
      giveUpDeliveries: (_days: number, limit: number) => take("givenUp", limit),
    };
    await createExpire({ expiry, days: 30, log, rowsMax: 10 })(job({ signal: stop.signal }));
    expect(left).toEqual({ deliveries: 0, alerts: 0, assignments: 0, audits: 0, givenUp: 0 });
    expect(asked.filter((name) => name === "deliveries")).toHaveLength(3);
    stop.abort();
    await expect(createExpire({ expiry, days: 30, log, rowsMax: 10 })(job({ signal: stop.signal }))).rejects.toThrow();
  });
});

test("runs of jobs are counted by what came of them", async () => {
  const counted = createMetrics({ defaults: false });
  const fails = measured("expire", () => Promise.reject(new Error("broken")), { metrics: counted, log });
  await expect(fails(job())).rejects.toThrow("broken");
  await expect(fails(job({ isLast: true }))).rejects.toThrow("broken");
  await measured("expire", () => Promise.resolve(), { metrics: counted, log })(job());
  const text = await counted.registry.metrics();
  for (const outcome of ["again", "failed", "done"])
    expect(text).toContain(`tallyman_jobs_total{job="expire",outcome="${outcome}"} 1`);
});

describe("looks", () => {
  type Timer = { readonly ms: number; readonly work: () => void };
  /** Time that a test lets pass: the timers that are set, and what each look takes. */
  const world = (tookMs = 0) => {
    const timers: Timer[] = [];
    let now = 0;
    const asked: string[] = [];
    const state = { isAway: false, pages: [null] as (string | null)[], isMore: false, isMoreToTell: false, queued: 0 };
    const looks = createLooks({
      lowStock: {
        look: (after) => {
          now += tookMs;
          if (state.isAway) return Promise.reject(new StoreUnavailable("away"));
          asked.push(`look ${after}`);
          return Promise.resolve({ lookedUpTo: state.pages.shift() ?? null, alerts: 0, isMore: state.isMore });
        },
      },
      deliveries: {
        tellDecisions: () => Promise.resolve(state.isMoreToTell),
        enqueue: () => Promise.resolve(state.queued),
        disableLate: () => {
          asked.push("late");
          return Promise.resolve(0);
        },
      },
      clock: {
        monotonic: () => now,
        after: (ms, work) => {
          const timer = { ms, work };
          timers.push(timer);
          return () => void timers.splice(timers.indexOf(timer), 1);
        },
      },
      metrics,
      log,
    });
    const next = async (): Promise<number> => {
      const timer = timers.shift();
      timer?.work();
      await expect.poll(() => timers.length).toBe(1);
      return timers[0]?.ms ?? -1;
    };
    return { looks, timers, asked, state, next };
  };

  test("come once a second, at once where something was left, and never take more than a tenth of the time", async () => {
    const { looks, asked, state, next } = world();
    looks.start();
    state.pages = ["p3", "p7", null];
    expect([await next(), await next(), await next()]).toEqual([0, 0, limits.lookMs]);
    expect(asked).toEqual(["look ", "look p3", "look p7"]);
    state.isMoreToTell = true;
    expect(await next()).toBe(0);
    state.isMoreToTell = false;
    state.queued = limits.enqueueMax;
    expect(await next()).toBe(0);
    expect(asked.at(-1)).toBe("late");
    const slow = world(5_000);
    slow.looks.start();
    expect(await slow.next()).toBe(45_000);
  });

  test("what was left of one page is gone on with when the round is over", async () => {
    const { looks, asked, state, next } = world();
    looks.start();
    state.pages = ["p3", null];
    state.isMore = true;
    expect(await next()).toBe(0);
    state.isMore = false;
    expect([await next(), await next()]).toEqual([0, limits.lookMs]);
    expect(asked).toEqual(["look ", "look p3", "look "]);
  });

  test("back off while PostgreSQL is away, say so, and go on by themselves", async () => {
    const { looks, state, next, timers } = world();
    looks.start();
    state.isAway = true;
    const pauses = [await next(), await next(), await next()];
    expect(pauses).toEqual([100, 200, 400]);
    for (let n = 0; n < 5; n++) await next();
    expect(timers[0]?.ms).toBe(limits.retryDelayMsMax);
    expect(looks.trouble()).toBe("away");
    state.isAway = false;
    expect(await next()).toBe(limits.lookMs);
    expect(looks.trouble()).toBeNull();
    await looks.stop();
    expect(timers).toEqual([]);
  });
});

describe("the audit", () => {
  const goodWorld = (): History =>
    historyOf(
      [receiveStock({ quantity: 9 }), placeOrder({ quantity: 2 })].map((what) => ({ partition: 0, what })),
      1,
    );
  const run = async (fields: Partial<Job>, world: History | Error) => {
    const kept: unknown[] = [];
    let closed = 0;
    const counted = createMetrics({ defaults: false });
    const handler = createAuditJob({
      connect: () =>
        world instanceof Error
          ? Promise.reject(world)
          : Promise.resolve({ deps: auditDepsOf(world), close: () => Promise.resolve(void (closed += 1)) }),
      results: {
        add: (result) => {
          kept.push(result);
          return Promise.resolve(1);
        },
      },
      metrics: counted,
      clock: {
        now: () => 7,
        monotonic: () => performance.now(),
        after: (_ms, work) => (setImmediate(work), () => undefined),
      },
      log,
    });
    const failure = await handler(job(fields)).then(
      () => null,
      (thrown: unknown) => (thrown as Error).message,
    );
    return { kept, closed, failure, text: await counted.registry.metrics() };
  };

  test("keeps what it found", async () => {
    const good = await run({}, goodWorld());
    expect(good).toMatchObject({
      failure: null,
      closed: 1,
      kept: [{ startedAt: 7, differences: 0, failedBecause: null }],
    });
    const bad = goodWorld();
    for (const [id, stock] of bad.stock) bad.stock.set(id, { ...stock, quantity: stock.quantity + 1 });
    const { kept, text } = await run({}, bad);
    expect(kept).toMatchObject([
      { differences: expect.any(Number) as number, report: { shown: expect.any(Array) as unknown } },
    ]);
    expect(text).toMatch(/tallyman_audit_differences [1-9]/);
  });

  test("that can't be finished is tried again, and told when that was the last time", async () => {
    const away = new Error("the log is away");
    expect(await run({}, away)).toMatchObject({ failure: "the log is away", kept: [] });
    expect(await run({ isLast: true }, away)).toMatchObject({
      kept: [{ differences: null, failedBecause: "the log is away", report: null }],
    });
    expect(await run({ isLast: true, signal: AbortSignal.abort() }, goodWorld())).toMatchObject({
      kept: [],
      closed: 1,
    });
  });

  test("pauses for as long as it works, up to a bound", async () => {
    let now = 0;
    const pauses: number[] = [];
    const clock = {
      monotonic: () => now,
      after: (ms: number, work: () => void) => (pauses.push(ms), setImmediate(work), () => undefined),
    };
    const pages = async function* () {
      for (const took of [30, 9_000, 0]) {
        now += await Promise.resolve(took);
        yield took;
      }
    };
    const seen: number[] = [];
    for await (const page of gently(pages(), clock)) {
      now += 10;
      seen.push(page);
    }
    expect(seen).toEqual([30, 9_000, 0]);
    expect(pauses).toEqual([40, limits.gentlePauseMsMax, 10]);
  });
});
