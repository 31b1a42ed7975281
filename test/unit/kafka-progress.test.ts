import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createProgressReporter } from "../../src/log/kafka/progress-reporter.ts";

describe("the progress reporter", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const reporter = () => {
    const commits: ReadonlyMap<number, number>[] = [];
    const commit = vi.fn((offsets: ReadonlyMap<number, number>) => {
      commits.push(offsets);
      return Promise.resolve();
    });
    return { commits, commit, progress: createProgressReporter(1_000, commit) };
  };

  test("commits the latest offsets, once per interval", async () => {
    const { commits, progress } = reporter();
    for (let offset = 1; offset <= 500; offset++) progress.report(new Map([[offset % 2, offset]]));
    expect(commits).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(commits).toEqual([new Map([[0, 500], [1, 499]])]); // prettier-ignore
    await vi.advanceTimersByTimeAsync(5_000);
    expect(commits).toHaveLength(1);
  });

  test("a commit that fails is left to the next report", async () => {
    const { commits, commit, progress } = reporter();
    commit.mockRejectedValueOnce(new Error("rebalancing"));
    progress.report(new Map([[0, 1]]));
    await vi.advanceTimersByTimeAsync(1_000);
    progress.report(new Map([[0, 2]]));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(commits).toEqual([new Map([[0, 2]])]);
  });

  test("flush commits at once, clear forgets", async () => {
    const { commits, progress } = reporter();
    progress.report(new Map([[0, 1]]));
    await progress.flush();
    expect(commits).toHaveLength(1);
    progress.report(new Map([[0, 2]]));
    progress.clear();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(commits).toHaveLength(1);
  });
});
