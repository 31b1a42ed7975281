import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { root } from "../../local/paths.ts";
import { checks } from "../chaos/auditor/judge.ts";
import { edited, sabotages } from "../chaos/sabotage.ts";

test.each(Object.entries(sabotages))(
  "%s finds what it takes out, and names checks",
  (_, { finds, edits = [], tamper }) => {
    expect(edits.length > 0 || tamper !== undefined).toBe(true);
    expect(finds.length).toBeGreaterThan(0);
    for (const number of finds) expect(checks).toHaveProperty(number);
    const files = new Map<string, string>();
    for (const edit of edits) {
      const before = files.get(edit.file) ?? readFileSync(path.join(root, "src", edit.file), "utf8");
      const after = edited(before, edit);
      expect(after).not.toBe(before);
      files.set(edit.file, after);
    }
  },
);

test("a guard that is not where a sabotage looks for it, or there twice, is told", () => {
  const edit = { file: "x.ts", find: "guard", replace: "" };
  expect(() => edited("nothing", edit)).toThrow("x.ts does not have exactly once");
  expect(() => edited("guard and guard", edit)).toThrow("x.ts does not have exactly once");
  expect(edited("a guard.", { ...edit, replace: "$&" })).toBe("a $&.");
});

test("each check of the auditor is found to complain by some sabotage, but those that need none", () => {
  const found = new Set(Object.values(sabotages).flatMap(({ finds }) => finds));
  const unfound = (Object.keys(checks) as (keyof typeof checks)[]).filter((number) => !found.has(number));
  // C10 is another program's word, and C11 counts.
  expect(unfound).toEqual(["C10", "C11"]);
});
