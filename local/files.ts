import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** Writes a file whole or not at all, readable by its owner only unless told otherwise: a reader never sees half of it. */
export function writeWhole(file: string, content: string, mode = 0o600): void {
  const partial = `${file}.${String(process.pid)}.partial`;
  writeFileSync(partial, content, { mode });
  renameSync(partial, file);
}

/** The last lines of a log, indented for the terminal; empty when there is none. */
export function lastLines(file: string, count = 15): string {
  try {
    const lines = readFileSync(file, "utf8").trimEnd().split("\n").slice(-count);
    return lines.map((line) => `    ${line}`).join("\n");
  } catch {
    return "";
  }
}
