import { readFileSync } from "node:fs";

export type TestCounts = { passed: number; failed: number; skipped: number; brokenFiles: string[] };

/** Reads vitest's JSON report; undefined when there is none, or it isn't one. */
export function readReport(file: string): TestCounts | undefined {
  let report: unknown;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
  const passed = count(report, "numPassedTests");
  const failed = count(report, "numFailedTests");
  const pending = count(report, "numPendingTests");
  if (passed === undefined || failed === undefined || pending === undefined) return undefined;
  return { passed, failed, skipped: pending + (count(report, "numTodoTests") ?? 0), brokenFiles: brokenFiles(report) };
}

/** The line that machines and people look for at the end. */
export function closingLine(counts: TestCounts): string {
  const line = `${String(counts.passed)} passed, ${String(counts.failed)} failed`;
  return counts.skipped === 0 ? line : `${line}, ${String(counts.skipped)} skipped`;
}

function count(report: unknown, name: string): number | undefined {
  const value = property(report, name);
  return typeof value === "number" ? value : undefined;
}

/** Files that failed without a failed test in them: they did not even load, and would be missing in the counts. */
function brokenFiles(report: unknown): string[] {
  const files = property(report, "testResults");
  if (!Array.isArray(files)) return [];
  return files.flatMap((file: unknown) => {
    const tests = property(file, "assertionResults");
    const failedTest = Array.isArray(tests) && tests.some((test: unknown) => property(test, "status") === "failed");
    const name = property(file, "name");
    return property(file, "status") === "failed" && !failedTest && typeof name === "string" ? [name] : [];
  });
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}
