// docs/http.md says what the routes' schemas say: its reference is made from them, and the table of problems agrees with them.
import { describe, expect, test } from "vitest";
import { openApiDocument } from "../../local/http-reference/document.ts";
import type { OpenApi } from "../../local/http-reference/openapi.ts";
import { withReference } from "../../local/http-reference/page.ts";
import { renderReference, typeOf } from "../../local/http-reference/render.ts";
import { problems } from "../../src/api/problems.ts";
import type { ProblemCode } from "../../src/api/problems.ts";
import { problemMembers } from "../../src/api/schemas/problem.ts";
import { firstTable, quoted, readText, section } from "./docs-reader.ts";

const page = readText("docs/http.md");

describe("the reference", () => {
  test("is what npm run docs:http writes", async () => {
    const written = withReference(page, renderReference(await openApiDocument()));
    expect(page === written, "docs/http.md is out of date: npm run docs:http mends it").toBe(true);
  });

  test("changes with any of: a field, its rule, an answer, a header, an example", async () => {
    const document = await openApiDocument();
    const whole = JSON.stringify(document);
    const changes = [
      "customerId",
      '"maximum":1000000}',
      '"maximum":1000000,',
      "conflicting_ids",
      "Location",
      '"quantity":20',
    ];
    for (const change of changes.filter((text) => whole.includes(text))) {
      const other = JSON.parse(whole.replaceAll(change, change.replace(/[a-z]{3}|00/, "99"))) as OpenApi;
      expect(renderReference(other), change).not.toBe(renderReference(document));
    }
    expect(changes.filter((text) => whole.includes(text)).length).toBeGreaterThanOrEqual(5);
  });

  test("has a place of its own, and nothing around it changes", () => {
    expect(withReference(page, "new")).toContain("-->\n\nnew\n\n<!--");
    expect(withReference(withReference(page, "new"), "newer")).toBe(withReference(page, "newer"));
    expect(() => withReference("# HTTP", "new")).toThrow("has lost one of the lines");
  });

  test.each([
    [{ type: "integer", minimum: 1, maximum: 1_000_000 }, "integer, 1 to 1,000,000"],
    [{ type: "string", maxLength: 9 }, "text, 9 at most long"],
    [
      { type: "array", items: { $ref: "#/components/schemas/Order" }, minItems: 1 },
      "list of [Order](#order), 1 or more",
    ],
    [{ anyOf: [{ enum: ["a", "b"] }, { type: "null" }] }, "`a`, `b` or null"],
  ])("%j in words: %s", (schema, words) => expect(typeOf(schema)).toBe(words));
});

describe("the table of problems", () => {
  const membersTold = (text: string) =>
    firstTable(section(text, "## Problems")).map(([code = "", , , members = ""]): [string, string[]] => [
      quoted(code).join(),
      quoted(members.replace(/\[.*\]/, "")).toSorted(),
    ]);

  test("names the members that each code may have", () => {
    const declared = Object.keys(problems).map((code) => [code, problemMembers[code as ProblemCode].toSorted()]);
    expect(Object.fromEntries(membersTold(page))).toEqual(Object.fromEntries(declared));
  });

  test("a member too few is seen", () => {
    const text = "## Problems\n| a | b | c | d |\n|---|---|---|---|\n| `gone` | 410 | x | `one`: [{`two`}], `three` |";
    expect(membersTold(text)).toEqual([["gone", ["one", "three"]]]);
  });
});
