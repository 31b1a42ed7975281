import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quantityScript } from "./quantity-script.ts";
import { products, runQuantities } from "./quantity-world.ts";
import type { QuantityGuardName, QuantityStep } from "./quantity-world.ts";

const [a, f, , d] = products.keys();
const decide = (partition: number, product = 0): QuantityStep => ({ do: "decide alone", partition, product });
const tell = (partition: number): QuantityStep => ({ do: "tell", partition });
/** Told in vain, read back, told again, and nothing left. */
const tellAll = (partition: number): QuantityStep[] => Array.from({ length: 4 }, () => tell(partition));
const lose = (product = 0): QuantityStep => ({ do: "lose", product });

/** The shortest ways to a wrong quantity, each of which is closed by the guards named; where there are two, by either. */
const ways: readonly { guards: readonly QuantityGuardName[]; steps: readonly QuantityStep[] }[] = [
  {
    guards: ["epoch"],
    steps: [decide(0, a), { do: "take over", partition: 0 }, ...tellAll(0), decide(0, a), tell(0), lose(a)],
  },
  {
    guards: ["epoch", "version"],
    steps: [decide(0, a), { do: "take over", partition: 0 }, ...tellAll(0), decide(0, a), tell(0)],
  },
  {
    guards: ["token"],
    steps: [{ do: "miss", product: 0 }, { do: "ask", product: 0 }, decide(0, a), tell(0), lose(a)],
  },
  { guards: ["home"], steps: [decide(0, a), decide(1, a), tell(1), lose(a)] },
  { guards: ["revocation"], steps: [decide(0, a), decide(1, a), tell(1), lose(a)] },
  { guards: ["revocation", "version"], steps: [decide(0, a), decide(1, a), tell(1)] },
  { guards: ["moment", "read back"], steps: [decide(0, a), decide(1, a), tell(1), { do: "flush" }] },
  {
    guards: ["count"],
    steps: [
      { do: "learn", partition: 3 },
      ...[decide(3, f), ...tellAll(3), decide(1, d), ...tellAll(1)],
      ...[decide(1, f), decide(3, f), tell(3), lose(f)],
    ],
  },
];

describe("what is cached after quiet, whoever decides and whatever the cache loses", () => {
  it("is the quantity that is stored, or nothing", async () => {
    await fc.assert(
      fc.asyncProperty(quantityScript, (steps) => runQuantities(steps, [])),
      { numRuns: 20_000 },
    );
  });

  it.each(ways)("can be wrong only without $guards", async ({ guards, steps }) => {
    for (const one of guards) {
      const others = guards.filter((name) => name !== one);
      await runQuantities(steps, others);
    }
    await expect(runQuantities(steps, guards)).rejects.toThrow("the cached quantity");
  });
});
