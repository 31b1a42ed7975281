import { type TestProjectInlineConfiguration, defineConfig } from "vitest/config";

/** A tier is a folder of test/. `needs` says which ones can't run without the services that `npm test` starts. */
type Tier = { name: string; needs: "nothing" | "services"; parallel: boolean; timeoutMs: number };

const tiers: Tier[] = [
  { name: "unit", needs: "nothing", parallel: true, timeoutMs: 30_000 },
  { name: "simulation", needs: "nothing", parallel: true, timeoutMs: 120_000 },
  { name: "contract", needs: "services", parallel: true, timeoutMs: 60_000 },
  // These start processes and load both cores: one file at a time, so that they don't measure each other.
  { name: "integration", needs: "services", parallel: false, timeoutMs: 180_000 },
  { name: "chaos", needs: "services", parallel: false, timeoutMs: 300_000 },
];

export default defineConfig({
  test: {
    projects: tiers.map(project),
    // A test file that exists but runs nothing, or a promise that fails unseen, fails the run.
    passWithNoTests: false,
    dangerouslyIgnoreUnhandledErrors: false,
    teardownTimeout: 20_000,
  },
});

function project(tier: Tier, groupOrder: number): TestProjectInlineConfiguration {
  return {
    test: {
      name: tier.name,
      include: [`test/${tier.name}/**/*.test.ts`],
      environment: "node",
      pool: "forks",
      fileParallelism: tier.parallel,
      testTimeout: tier.timeoutMs,
      hookTimeout: Math.max(60_000, tier.timeoutMs),
      // One tier after another, the cheap ones first.
      sequence: { groupOrder },
      ...(tier.needs === "services" && { globalSetup: ["test/global-setup.ts"] }),
    },
  };
}
