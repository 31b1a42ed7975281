import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closingLine, readReport } from "../../local/test-report.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "tallyman-report-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const counts = { numPassedTests: 3, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1 };

describe("the report of a test run", () => {
  it("is counted into the closing line", () => {
    const report = readReport(write({ ...counts, testResults: [] }));
    expect(report && closingLine(report)).toBe("3 passed, 1 failed, 3 skipped");
    expect(closingLine({ passed: 2, failed: 0, skipped: 0, brokenFiles: [] })).toBe("2 passed, 0 failed");
  });

  it("names files that did not even load, which no count has", () => {
    const testResults = [
      { name: "loads.test.ts", status: "failed", assertionResults: [{ status: "failed" }] },
      { name: "broken.test.ts", status: "failed", assertionResults: [] },
      { name: "good.test.ts", status: "passed", assertionResults: [{ status: "passed" }] },
    ];
    expect(readReport(write({ ...counts, testResults }))?.brokenFiles).toEqual(["broken.test.ts"]);
  });

  it("is missing when there is no file, or another one", () => {
    expect(readReport(path.join(folder, "none.json"))).toBeUndefined();
    expect(readReport(write({ something: "else" }))).toBeUndefined();
  });
});

function write(report: object): string {
  const file = path.join(folder, "report.json");
  writeFileSync(file, JSON.stringify(report));
  return file;
}
