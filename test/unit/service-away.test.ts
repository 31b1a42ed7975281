import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { within } from "../../src/role.ts";
import { awaitService, ServiceAway, withoutPassword } from "../../src/service-away.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const kafka = { name: "Kafka", address: "k:9092" };
const never = new Promise<never>(() => undefined);

test("a service that answers nothing is named, with its address, when the wait is over", async () => {
  const waiting = expect(awaitService(kafka, never, () => true, 30_000)).rejects.toThrow(
    new ServiceAway("Kafka at k:9092 does not answer; 30 s were waited"),
  );
  await vi.advanceTimersByTimeAsync(30_000);
  await waiting;
});

test("one that refuses is named with the reason; what is wrong otherwise is told as it is", async () => {
  const refused = new Error("connect ECONNREFUSED");
  await expect(awaitService(kafka, Promise.reject(refused), () => true)).rejects.toThrow(
    new ServiceAway("Kafka at k:9092 did not come up: connect ECONNREFUSED"),
  );
  await expect(awaitService(kafka, Promise.reject(refused), () => false)).rejects.toBe(refused);
});

test("one that answers costs no time, and leaves no timer behind", async () => {
  expect(await awaitService(kafka, Promise.resolve(7), () => true)).toBe(7);
  expect(vi.getTimerCount()).toBe(0);
});

test("no password is shown", () => {
  expect(withoutPassword("postgresql://me:secret@db:5432/shop")).toBe("postgresql://me@db:5432/shop");
});

test("within: true when the work ends in time, false when it hangs, its error when it fails", async () => {
  expect(await within(1_000, Promise.resolve())).toBe(true);
  await expect(within(1_000, Promise.reject(new Error("broke")))).rejects.toThrow("broke");
  expect(vi.getTimerCount()).toBe(0);
  const hanging = within(1_000, never);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await hanging).toBe(false);
});
