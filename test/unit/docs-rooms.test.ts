// The rooms of src/ import as docs/architecture.md says.
import { readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { firstTable, quoted, readText, section } from "./docs-reader.ts";

/** Room by room, what it may import beside itself. */
function rules(page: string): Map<string, string[]> {
  const rows = firstTable(section(page, "## The rooms of src/"));
  return new Map(rows.map(([room = "", , mayImport = ""]) => [quoted(room).join(), quoted(mayImport)]));
}

const rooms = rules(readText("docs/architecture.md"));
const adaptersOf = new Set(["stores/", "log/", "queue/"]);
const portsOnly = new Set(["processors/", "api/", "audit/", "dead-letters/", "growth/", "jobs/"]);

/** The room of a file (`stores/`), or the file itself where it lies in none (`limits.ts`). */
const roomOf = (file: string): string => (file.includes("/") ? `${file.slice(0, file.indexOf("/"))}/` : file);

/** What the file imports against the rules. Paths are from src/. */
function offences(file: string, text: string): string[] {
  const allowed = rooms.get(roomOf(file));
  if (allowed === undefined) return [`${roomOf(file)} is no room`];
  const imports = [...text.matchAll(/(?:from|import|import\()\s*"(\.[^"]+)"/g)].map(([, to = ""]) =>
    path.posix.join(path.posix.dirname(file), to),
  );
  return imports.filter((to) => {
    if (roomOf(to) === roomOf(file)) return false;
    const isAdapter = adaptersOf.has(roomOf(to)) && to.split("/").length > 2;
    return !allowed.includes(roomOf(to)) || (isAdapter && portsOnly.has(roomOf(file)));
  });
}

const files = readdirSync(path.resolve(import.meta.dirname, "../../src"), { encoding: "utf8", recursive: true })
  .map((file) => file.replaceAll(path.sep, "/"))
  .filter((file) => file.endsWith(".ts"));

describe("the rooms of src/", () => {
  test("are those of the table", () => {
    const found = new Set(files.filter((file) => file.includes("/")).map(roomOf));
    expect([...found].toSorted()).toEqual([...rooms.keys()].toSorted());
  });

  test.each([...rooms.keys()])("%s imports what it may", (room) => {
    const broken = files
      .filter((file) => roomOf(file) === room)
      .flatMap((file) => offences(file, readText(`src/${file}`)).map((to) => `${file} imports ${to}`));
    expect(broken).toEqual([]);
  });

  test("what must not be is seen", () => {
    const text = [
      'import type { Stock } from "../schemas/lines.ts";',
      'import { api } from "../api/server.ts";',
      'import { store } from "../stores/ledger-store.ts";',
      'import { pg } from "../stores/postgres/pool.ts";',
      'const late = await import("../config.ts");',
      'import "./lease.ts";',
    ].join("\n");
    expect(offences("processors/x.ts", text)).toEqual(["api/server.ts", "stores/postgres/pool.ts", "config.ts"]);
    expect(offences("utils/x.ts", "")).toEqual(["utils/ is no room"]);
  });
});
