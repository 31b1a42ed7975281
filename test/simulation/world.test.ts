import fc from "fast-check";
import { describe, it } from "vitest";
import { runScript } from "./run-script.ts";
import { anyScript, waveringScript } from "./script.ts";

describe("a whole Tallyman, in virtual time", () => {
  it("keeps every invariant, whatever happens", async () => {
    await fc.assert(
      fc.asyncProperty(anyScript, async (script) => {
        await runScript(script);
      }),
      { numRuns: 150 },
    );
  });

  it("keeps every invariant where growths are called off and begun again", async () => {
    await fc.assert(
      fc.asyncProperty(waveringScript, async (script) => {
        await runScript(script);
      }),
      { numRuns: 40 },
    );
  });
});
