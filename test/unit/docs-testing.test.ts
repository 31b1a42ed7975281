// docs/testing.md says what tallyman/testing has: every option, every member, every fault, and code that runs.
import { describe, expect, test } from "vitest";
import { faultCount, faultsFrom } from "../../src/testing/faults.ts";
import { fences, firstTable, quoted, readText, section } from "./docs-reader.ts";

const page = readText("docs/testing.md");
const source = readText("src/testing/simulate-tallyman.ts");
const examples = ["naive-client", "documented"].map((name) => readText(`test/simulation/examples/${name}.test.ts`));

const namesIn = (heading: string): string[] =>
  firstTable(section(page, heading))
    .flatMap(([name = ""]) => quoted(name))
    .toSorted();
/** The members of a type, as the source has them. */
const membersOf = (text: string, type: string): string[] => {
  const [, body = ""] = new RegExp(`export type ${type} = \\{\\n([^]*?)\\n\\};`).exec(text) ?? [];
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name = ""]) => name).toSorted();
};
const squeezed = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

describe("docs/testing.md", () => {
  test("explains every option, every member and every fault, and no others", () => {
    expect(namesIn("## Options")).toEqual(membersOf(source, "SimulationOptions"));
    expect(namesIn("## What you get")).toEqual(membersOf(source, "SimulatedTallyman"));
    const drawn = faultsFrom(Array.from({ length: faultCount }, (_, number) => number)).map(({ do: kind }) => kind);
    const ofWorlds = [...readText("src/simulation/faults.ts").matchAll(/readonly do: "([^"]+)"/g)].map(
      ([, kind]) => kind,
    );
    for (const faults of [drawn, [...ofWorlds, "lossy http"]]) {
      expect([...new Set(faults)].toSorted()).toEqual(namesIn("## Faults"));
    }
  });

  test("a member too many or too few is seen", () => {
    const text =
      "export type Shop = {\n  /** The url: */\n  readonly url: string;\n  readonly run?: <T>() => T;\n};\nconst x = 1;";
    expect(membersOf(text, "Shop")).toEqual(["run", "url"]);
  });

  test("has no code but what the examples run", () => {
    const blocks = fences(page).filter(({ language }) => language === "ts");
    expect(blocks.length).toBeGreaterThan(4);
    for (const { text } of blocks) {
      expect(
        examples.some((example) => squeezed(example).includes(squeezed(text))),
        text,
      ).toBe(true);
    }
  });

  test("says how long the example is: 40 lines at most", () => {
    const lines = examples[0]?.trimEnd().split("\n").length ?? 0;
    expect(lines).toBeLessThanOrEqual(40);
    expect(page).toContain(`[${lines} lines](../test/simulation/examples/naive-client.test.ts)`);
  });
});
