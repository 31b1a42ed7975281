// docs/audit.md explains each kind of difference, and the help and the page say the same of when one is told.
import { describe, expect, test } from "vitest";
import { differenceKinds } from "../../src/audit/findings.ts";
import { exitCodes } from "../../src/command-line/exit-codes.ts";
import { firstTable, readText, section } from "./docs-reader.ts";

describe("docs/audit.md", () => {
  test("has every kind of difference, in order, and no other", () => {
    const rows = firstTable(section(readText("docs/audit.md"), "## What is compared"));
    expect(rows.map(([number]) => number)).toEqual(Object.keys(differenceKinds).map((kind) => `**${kind}**`));
    expect(rows.every(([, says = ""]) => says.length > 20)).toBe(true);
  });
});

describe("docs/operations.md", () => {
  test("has every exit code of the command line, and no other", () => {
    const page = section(readText("docs/operations.md"), "## The command line");
    const rows = firstTable(page.slice(page.indexOf("| exit code |")));
    expect(rows.map(([code]) => Number(code))).toEqual(Object.values(exitCodes));
  });
});
