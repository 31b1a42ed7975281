// The documentation names what is there, and all of it: scripts, variables, problem codes, rules, links, files.
import { existsSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { problems } from "../../src/api/problems.ts";
import { ConfigInvalid, readConfig } from "../../src/config.ts";
import {
  anchors,
  firstTable,
  localLinks,
  markdownFiles,
  pathsNamed,
  quoted,
  readText,
  root,
  scriptsNamed,
  section,
} from "./docs-reader.ts";

const pages = markdownFiles();

describe("scripts", () => {
  const { scripts } = JSON.parse(readText("package.json")) as { scripts: Record<string, string> };

  test("are those of package.json, on every page", () => {
    const unknown = (page: string) => scriptsNamed(readText(page)).filter((name) => !(name in scripts));
    expect(pages.flatMap((page) => unknown(page).map((name) => `${page}: ${name}`))).toEqual([]);
  });

  test("are found however they are named", () => {
    const text = "`npm start`, npm test -- x, then `npm run race` and npm run bench:orders. Not npm ci, not npm.";
    expect(scriptsNamed(text)).toEqual(["start", "test", "race", "bench:orders"]);
  });
});

describe("variables", () => {
  const addresses = {
    KAFKA_BROKERS: "k:9092",
    SCHEMA_REGISTRY_URL: "http://r",
    DATABASE_URL: "postgresql://d",
    REDIS_URL: "redis://r",
  };
  /** Asks config.ts itself, by an environment that notes what is read. */
  const read = new Set<string>();
  const noting = new Proxy<Record<string, string>>(addresses, {
    get: (target, name): unknown => (read.add(String(name)), Reflect.get(target, name)),
  });
  const config = readConfig(noting);
  const rows = firstTable(section(readText("docs/operations.md"), "## Environment"));
  const variablesOf = (table: string[][]) => table.flatMap(([name = ""]) => quoted(name)).toSorted();

  test("docs/operations.md has those that src/config.ts reads, and no others", () => {
    expect(variablesOf(rows)).toEqual([...read].toSorted());
  });

  test("their defaults are the ones that hold", () => {
    for (const [name = "", fallback = ""] of rows) {
      const [variable = ""] = quoted(name);
      const [value] = quoted(fallback);
      if (value !== undefined) expect(readConfig({ ...addresses, [variable]: value }), variable).toEqual(config);
      else if (fallback === "") expect(() => readConfig({ ...addresses, [variable]: "" })).toThrow(ConfigInvalid);
    }
  });

  test("a variable too few or too many is seen", () => {
    const table = "| variable | default |\n|---|---|\n| `PORT` | `1` |\n| `PROT` | |\n\nand `HOST`";
    expect(variablesOf(firstTable(table))).toEqual(["PORT", "PROT"]);
  });
});

describe("problem codes", () => {
  const explained = (page: string) =>
    firstTable(section(page, "## Problems")).map(([code = "", status]) => `${quoted(code).join()} ${status}`);

  test("docs/http.md explains each one, under its status, and no others", () => {
    const told = Object.entries(problems).map(([code, { status }]) => `${code} ${status}`);
    expect(explained(readText("docs/http.md")).toSorted()).toEqual(told.toSorted());
  });

  test("a wrong status is seen", () => {
    const page =
      "# HTTP\n## Problems\nWords.\n\n| code | status |\n|---|---|\n| `gone` | 410 |\n\n## Next\n| `no` | 1 |";
    expect(explained(page)).toEqual(["gone 410"]);
  });
});

describe("rules", () => {
  const rulesOf = (page: string) => firstTable(section(page, "## The rules")).map(([rule = ""]) => rule);

  test("docs/architecture.md has P1 to P19, each once and in order", () => {
    const all = Array.from({ length: 19 }, (_, index) => `**P${index + 1}**`);
    expect(rulesOf(readText("docs/architecture.md"))).toEqual(all);
  });

  test("a rule that is only mentioned does not count", () => {
    const page = "P3\n## The rules\n| rule | text |\n|---|---|\n| **P1** | like P2 |\n### More\n## Else\n| **P9** | |";
    expect(rulesOf(page)).toEqual(["**P1**"]);
  });
});

describe("links and files", () => {
  const broken = (page: string, text: string): string[] =>
    localLinks(text).filter((target) => {
      const [file = "", anchor] = target.split("#");
      const to = file === "" ? page : path.join(path.dirname(page), file);
      if (!existsSync(path.join(root, to))) return true;
      return anchor !== undefined && !anchors(readText(to)).includes(anchor);
    });
  const missing = (text: string): string[] =>
    pathsNamed(text).filter((named) => !existsSync(path.join(root, named)) && named !== "bench/results/");

  test("lead to what is there, on every page", () => {
    const wrong = (page: string, text: string) => [...broken(page, text), ...missing(text)];
    expect(pages.flatMap((page) => wrong(page, readText(page)).map((to) => `${page}: ${to}`))).toEqual([]);
  });

  test("what is not there is seen", () => {
    const text =
      "[a](nowhere.md) [b](http.md#redis) [c](http.md#no-such) [d](https://example.org) `[e](x.md)` [f](#lost)";
    expect(broken("docs/operations.md", text)).toEqual(["nowhere.md", "http.md#no-such", "#lost"]);
    expect(missing("`src/main.ts`, `src/gone.ts`, `docs/decisions/NNN-x.md`, `test/*`")).toEqual(["src/gone.ts"]);
  });

  test("anchors are those of GitHub", () => {
    expect(anchors("# A `code`, and more\n```sh\n# not this\n```\n## What's P1?")).toEqual([
      "a-code-and-more",
      "whats-p1",
    ]);
  });
});
