import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { limits } from "../../src/limits.ts";
import { createHealth } from "../../src/ops/health.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const stateOf = (health: ReturnType<typeof createHealth>, name: string) =>
  health.report().dependencies.find((dependency) => dependency.name === name);

test("a required dependency that is not known to be up makes the process not ready", async () => {
  const health = createHealth();
  health.watch("log", true, () => Promise.resolve());
  health.set("schemas", true, "unknown");
  health.set("cache", false, "down", "away");
  await health.start();
  expect(health.report().ready).toBe(false);
  health.set("schemas", true, "up");
  expect(health.report().ready).toBe(true);
  expect(stateOf(health, "cache")).toMatchObject({ state: "down", detail: "away" });
  health.leave();
  expect(health.report()).toMatchObject({ ready: false, leaving: true });
  health.stop();
});

test("a probe that hangs is down after its deadline, is not asked twice, and heals", async () => {
  const health = createHealth();
  let asked = 0;
  let answer: () => void = () => undefined;
  health.watch("store", true, () => {
    asked++;
    return new Promise<void>((resolve) => (answer = resolve));
  });
  void health.start();
  await vi.advanceTimersByTimeAsync(limits.healthProbeDeadlineMs + limits.healthProbeIntervalMs * 3);
  expect(asked).toBe(1);
  expect(stateOf(health, "store")).toMatchObject({ state: "down" });
  answer();
  await vi.advanceTimersByTimeAsync(limits.healthProbeIntervalMs / 2);
  answer();
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toBeGreaterThan(1);
  expect(stateOf(health, "store")).toMatchObject({ state: "up", detail: null });
  health.stop();
});

test("since tells when the state changed, not when it was last confirmed", async () => {
  const health = createHealth();
  health.watch("store", true, () => Promise.reject(new Error("refused")));
  await health.start();
  const since = stateOf(health, "store")?.since;
  await vi.advanceTimersByTimeAsync(limits.healthProbeIntervalMs * 2);
  expect(stateOf(health, "store")).toMatchObject({ state: "down", detail: "refused", since });
  health.stop();
  health.set("store", true, "up");
  expect(stateOf(health, "store")?.state).toBe("down");
});

test("tells when a dependency was last up, also while it is down", () => {
  const health = createHealth();
  expect(health.lastUpAt("store")).toBeUndefined();
  vi.setSystemTime(1_000);
  health.set("store", true, "up");
  vi.setSystemTime(2_000);
  health.set("store", true, "up");
  vi.setSystemTime(3_000);
  health.set("store", true, "down", "refused");
  expect(health.lastUpAt("store")).toBe(2_000);
});
