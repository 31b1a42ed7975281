import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import type { Evidence } from "../chaos/auditor/evidence.ts";
import { readEvidence, writeEvidence } from "../chaos/evidence-file.ts";

const recorded = JSON.parse(
  readFileSync(new URL("../fixtures/chaos/evidence.json", import.meta.url), "utf8"),
) as Evidence;

test("evidence is read as it was written, its empty and its long lists too", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "tallyman-evidence-"));
  try {
    const surprises = Array.from({ length: 12_345 }, (_, n) => `surprise ${n}`);
    const evidence: Evidence = { ...recorded, surprises, endings: [] };
    const file = path.join(folder, "evidence.jsonl");
    writeEvidence(file, evidence);
    expect(await readEvidence(file)).toEqual(evidence);
    const lines = readFileSync(file, "utf8").trim().split("\n");
    expect(lines.filter((line) => line.startsWith('["surprises"')).length).toBe(4);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
