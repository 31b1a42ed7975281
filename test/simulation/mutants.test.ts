import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("the simulation finds every guard that is taken out, in its stored world, and its siblings alone break nothing there", async () => {
  // Modules with other text can't be loaded within vitest, which loads modules by itself.
  const checked = promisify(execFile)(process.execPath, ["test/simulation/simulate.ts", "--check-mutants"]);
  const { stdout } = await checked.catch((error: unknown) => error as { readonly stdout: string });
  expect(stdout.split("\n").filter((line) => /NOT FOUND|NOT BY ITSELF|BROKEN WITH/.test(line))).toEqual([]);
  expect(stdout.split("\n").filter((line) => /^[\w-]+: I\d+: /.test(line)).length).toBeGreaterThanOrEqual(12);
});
