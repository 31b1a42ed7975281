import { pino } from "pino";
import { beforeEach, describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import { Outlet } from "../../src/processors/outlet.ts";

/** Nobody's lease: what matters here is how much is queued. */
const noParts: never[] = [];

describe("waiting for an outlet (I4)", () => {
  let tells: { done: () => void; fail: () => void }[];
  let pauses: { ms: number; over: () => void }[];
  let outlet: Outlet<never, string>;
  let settled: boolean;
  const next = async (): Promise<{ done: () => void; fail: () => void }> => {
    await expect.poll(() => tells.length).toBe(1);
    return tells.splice(0)[0] ?? expect.unreachable();
  };
  const decided = (commands: number) => outlet.decided(noParts, "group", commands);
  const room = (): void => {
    const waits = outlet.room();
    expect(waits).toBeDefined();
    settled = false;
    void waits?.then(() => (settled = true));
  };
  const soon = () => new Promise((resolve) => setImmediate(resolve));

  beforeEach(() => {
    tells = [];
    pauses = [];
    outlet = new Outlet<never, string>(
      {
        sleep: (ms) => new Promise((resolve) => pauses.push({ ms, over: resolve })),
        log: pino({ level: "silent" }),
        limits: { ...limits, effectsHoldCommands: 10, effectsHoldMs: 77 },
      },
      {
        name: "test",
        told: () => expect.unreachable(),
        tell: () =>
          new Promise((resolve, reject) => {
            tells.push({ done: () => resolve(new Set()), fail: () => reject(new Error("away")) });
          }),
        replay: () => expect.unreachable(),
        backlog: () => undefined,
      },
    );
  });

  test("is not needed for what it can take", () => {
    decided(10);
    expect(outlet.room()).toBeUndefined();
  });

  test("ends when it has caught up", async () => {
    decided(10);
    const first = await next();
    decided(9);
    room();
    first.done();
    await expect.poll(() => settled).toBe(true);
    expect(outlet.room()).toBeUndefined();
    (await next()).done();
    await outlet.idle();
  });

  test("ends after a while where it is slow, and is not begun again before it has caught up", async () => {
    decided(11);
    const first = await next();
    room();
    await soon();
    expect(settled).toBe(false);
    expect(pauses.map(({ ms }) => ms)).toEqual([77]);
    pauses[0]?.over();
    await expect.poll(() => settled).toBe(true);
    decided(11);
    expect(outlet.room()).toBeUndefined();
    first.done();
    (await next()).done();
    await outlet.idle();
    decided(11);
    room();
    (await next()).done();
    await expect.poll(() => settled).toBe(true);
  });

  test("that was over in time does not make it slow later", async () => {
    decided(11);
    room();
    (await next()).done();
    await expect.poll(() => settled).toBe(true);
    decided(11);
    pauses[0]?.over();
    await soon();
    room();
    (await next()).done();
  });

  test("ends when it fails, and is not begun while it does", async () => {
    decided(11);
    room();
    (await next()).fail();
    await expect.poll(() => settled).toBe(true);
    decided(11);
    expect(outlet.room()).toBeUndefined();
  });
});
