// Numbers are faults: every one of them, the same for the same, and smaller ones are less.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { faultCount, faultsFrom, simulateTallyman } from "tallyman/testing";
import { usualFaults } from "../../../src/testing/faults.ts";

const all = faultsFrom(Array.from({ length: faultCount }, (_, number) => number));

describe("faultsFrom", () => {
  test("has a fault of each kind, at each time", () => {
    expect([...new Set(all.map(({ do: what }) => what))].toSorted()).toEqual([
      "away",
      "cut off",
      "expire",
      "flush cache",
      "grow",
      "join",
      "kill",
      "lossy",
      "lossy http",
      "rebalance",
      "restart",
      "slow",
      "stop",
      "wall clock",
    ]);
    expect(new Set(all.map(({ atMs }) => atMs)).size).toBe(13);
  });

  test("takes any whole number, and nothing else", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (number) => {
        expect(faultsFrom([number, -number])).toEqual([faultsFrom([number])[0], faultsFrom([number])[0]]);
      }),
    );
    expect(faultsFrom([])).toEqual([]);
    expect(faultsFrom([faultCount])).toEqual(faultsFrom([0]));
    expect(() => faultsFrom([0.5])).toThrow(TypeError);
    expect(() => faultsFrom([NaN])).toThrow(TypeError);
  });

  test("begins with the least: a tenth of requests lost at once, for a moment", () => {
    expect(faultsFrom([0])).toEqual([{ atMs: 0, do: "lossy http", rate: 0.1, forMs: 300 }]);
  });

  test("has zombies: a processor sleeps for longer than its session lasts", () => {
    const zombies = all.filter((fault) => fault.do === "stop" && fault.kind === "processor");
    expect(zombies.length).toBeGreaterThan(0);
    for (const zombie of zombies)
      expect(zombie).toMatchObject({ forMs: expect.toSatisfy((ms) => Number(ms) > 6_000) as number });
  });

  test("has nothing that a world does not perform, and heals from", async () => {
    const kinds = new Map(
      all.map((fault) => [
        `${fault.do} ${"kind" in fault ? fault.kind : ""} ${"service" in fault ? fault.service : ""}`,
        fault,
      ]),
    );
    for (const fault of kinds.values()) {
      const said: string[] = [];
      const trace = (line: string): void => void said.push(line);
      const shop = simulateTallyman({ seed: 1, faults: [{ ...fault, atMs: 5 }], products: { chair: 1 }, trace });
      await shop.run(() => shop.sleep(10));
      expect(said.join("\n")).toContain(`fault: ${fault.do}`);
      await shop.settle();
      shop.check();
    }
  });
});

test("the usual faults are some, of the seed", () => {
  let number = 0;
  const whole = (min: number, max: number): number => min + ((number++ * 7919) % (max - min + 1));
  expect(usualFaults(whole).length).toBeGreaterThan(0);
  const of = async (seed: number): Promise<string[]> => {
    const said: string[] = [];
    const shop = simulateTallyman({ seed, trace: (line) => void said.push(line) });
    await shop.run(() => shop.sleep(15_000));
    return said.filter((line) => line.includes("fault: "));
  };
  return Promise.all([of(1), of(1), of(2)]).then(([first, again, other]) => {
    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
    expect(first.length).toBeGreaterThan(0);
  });
});

test("lossy http loses for its time, and no more", async () => {
  const shop = simulateTallyman({ seed: 1, faults: [{ atMs: 100, do: "lossy http", rate: 1, forMs: 500 }] });
  const isLost = (): Promise<boolean> =>
    shop.fetch(`${shop.url}/products`).then(
      () => false,
      () => true,
    );
  await shop.run(async () => {
    expect(await isLost()).toBe(false);
    await shop.sleep(150);
    expect(await isLost()).toBe(true);
    await shop.sleep(600);
    expect(await isLost()).toBe(false);
    shop.perform({ do: "lossy http", rate: 1, forMs: 500_000 });
  });
  await shop.settle();
  await shop.run(async () => {
    expect(await isLost()).toBe(false);
    shop.perform({ do: "lossy http", rate: 1, forMs: 500 });
    expect(await isLost()).toBe(false);
  });
});
