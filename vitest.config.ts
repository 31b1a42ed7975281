import { availableParallelism } from "node:os";
import { type TestProjectInlineConfiguration, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * A tier is a folder of test/. `needs` says which ones can't run without the services that `npm test` starts, `filesAtOnce` how many of its
 * files run side by side.
 */
type Tier = {
  name: string;
  needs: "nothing" | "services";
  filesAtOnce: number;
  timeoutMs: number;
  /** Run once before the tier. */
  setUp?: string;
};

/** vitest itself would leave one core idle. */
const cores = Math.max(2, availableParallelism());

const tiers: Tier[] = [
  { name: "unit", needs: "nothing", filesAtOnce: cores, timeoutMs: 30_000 },
  { name: "simulation", needs: "nothing", filesAtOnce: cores, timeoutMs: 120_000 },
  { name: "contract", needs: "services", filesAtOnce: cores, timeoutMs: 60_000 },
  // These start processes, and wait for most of their time: what others do, what is away, what a time limit ends.
  { name: "integration", needs: "services", filesAtOnce: 2, timeoutMs: 180_000 },
  // These drive a browser, which takes all that there is.
  { name: "browser", needs: "services", filesAtOnce: 1, timeoutMs: 180_000, setUp: "test/browser/set-up.ts" },
  // These say within how many seconds something is done, under load: one at a time, so that they don't measure each other.
  { name: "timing", needs: "services", filesAtOnce: 1, timeoutMs: 180_000 },
  { name: "chaos", needs: "services", filesAtOnce: 1, timeoutMs: 300_000 },
];

/** Takes longer than any other: begun last, it would be waited for with the rest of the machine idle. */
const begunFirst = "services-away.test.ts";

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isFirst = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith(`/${begunFirst}`);
    return [...sorted.filter(isFirst), ...sorted.filter((file) => !isFirst(file))];
  }
}

export default defineConfig({
  test: {
    projects: tiers.map(project),
    sequence: { sequencer: LongestFirst },
    // A test file that exists but runs nothing, or a promise that fails unseen, fails the run.
    passWithNoTests: false,
    dangerouslyIgnoreUnhandledErrors: false,
    teardownTimeout: 20_000,
  },
});

function project(tier: Tier, groupOrder: number): TestProjectInlineConfiguration {
  return {
    // `tallyman/client` and `tallyman/testing` are these sources here, and built JavaScript for who installs them.
    ssr: { resolve: { conditions: ["tallyman-source"] } },
    test: {
      name: tier.name,
      include: [`test/${tier.name}/**/*.test.ts`],
      environment: "node",
      pool: "forks",
      maxWorkers: tier.filesAtOnce,
      testTimeout: tier.timeoutMs,
      hookTimeout: Math.max(60_000, tier.timeoutMs),
      // One tier after another, the cheap ones first.
      sequence: { groupOrder },
      globalSetup: [tier.needs === "services" ? ["test/global-setup.ts"] : [], tier.setUp ?? []].flat(),
    },
  };
}
