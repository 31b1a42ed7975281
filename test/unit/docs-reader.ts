/** What the tests of the documentation look for in Markdown. Pure: text in, what was found out. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

export const root = path.resolve(import.meta.dirname, "../..");
export const readText = (file: string): string => readFileSync(path.join(root, file), "utf8");

/** Every page of ours, as a path from the checkout's root. */
export function markdownFiles(): string[] {
  const inFolder = (folder: string, recursive: boolean): string[] =>
    readdirSync(path.join(root, folder), { encoding: "utf8", recursive })
      .filter((name) => name.endsWith(".md"))
      .map((name) => path.join(folder, name));
  return [...inFolder(".", false), ...inFolder("docs", true)].toSorted();
}

const found = (text: string, pattern: RegExp): string[] => [
  ...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? "")),
];

/** Scripts that the text tells a reader to run. */
export function scriptsNamed(text: string): string[] {
  return found(text, /\bnpm (?:run )?((?<=run )[a-z][a-z0-9:-]*|start\b|test\b)/g);
}

/** What stands under a heading (its own line, with the #), up to the next one of the same or a higher level. */
export function section(text: string, heading: string): string {
  const lines = text.split("\n");
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`there is no "${heading}"`);
  const level = heading.indexOf(" ");
  const end = lines.findIndex((line, index) => index > start && /^#+(?= )/.exec(line)?.[0].length === level);
  return lines.slice(start + 1, end < 0 ? undefined : end).join("\n");
}

/** The rows of the first table in the text, a list of cells each, without the head. */
export function firstTable(text: string): string[][] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.startsWith("|"));
  if (start < 0) return [];
  const length = lines.slice(start).findIndex((line) => !line.startsWith("|"));
  const rows = lines.slice(start + 2, length < 0 ? undefined : start + length);
  return rows.map((row) =>
    row
      .slice(1, row.lastIndexOf("|"))
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}

/** The words in backticks. */
export const quoted = (text: string): string[] => found(text, /`([^`\n]+)`/g);

const withoutCode = (text: string): string => text.replace(/^```[^]*?^```/gm, "").replace(/`[^`\n]*`/g, "");

/** Targets of links, but for those that lead to other sites. */
export function localLinks(text: string): string[] {
  return found(withoutCode(text), /\]\(([^)\s]+)\)/g).filter((target) => !/^[a-z]+:/.test(target));
}

/** Anchors of a page's headings, as GitHub makes them. */
export function anchors(text: string): string[] {
  const headings = found(text.replace(/^```[^]*?^```/gm, ""), /^#+ (.+)$/gm);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Files and folders of the checkout that the text names in backticks; patterns and examples are left out. */
export function pathsNamed(text: string): string[] {
  const isOurs = (word: string): boolean => /^(?:src|test|local|docs|avro|bench|patches)\/[\w./-]*$/.test(word);
  return quoted(text).filter((word) => isOurs(word) && !word.includes("NNN"));
}

export type Fence = { readonly language: string; readonly text: string };

/** The fenced blocks of a page, in order. */
export const fences = (text: string): Fence[] =>
  [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(([, language = "", block = ""]) => ({ language, text: block }));

export type ShellStep = { readonly comment: string; readonly command: string };

/** The commands of a block, each with the comment above it; one that goes on after a backslash is one. */
export function shellSteps(block: string): ShellStep[] {
  const lines = block.replaceAll("\\\n", "\\\u0000").split("\n");
  const steps: ShellStep[] = [];
  let comment = "";
  for (const line of lines.map((each) => each.replaceAll("\\\u0000", "\\\n").trim())) {
    if (line.startsWith("#")) comment = `${comment} ${line.slice(1).trim()}`.trim();
    else if (line !== "") {
      steps.push({ comment, command: line });
      comment = "";
    }
  }
  return steps;
}
