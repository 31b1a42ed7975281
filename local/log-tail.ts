import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

const intervalMs = 300;
const warning = 40;

/**
 * Shows what a child writes to its log from now on, as far as a person should see it: warnings and worse, in one line each. The child writes
 * to the file by itself, so that it can still log when this process is gone. The returned function shows the rest and ends it.
 */
export function showWarnings(name: string, logFile: string): () => void {
  const file = openSync(logFile, "r");
  const decoder = new StringDecoder("utf8");
  let position = 0;
  let rest = "";
  const readOn = (): void => {
    const buffer = Buffer.alloc(Math.min(fstatSync(file).size - position, 2 ** 20));
    const bytes = readSync(file, buffer, 0, buffer.length, position);
    position += bytes;
    const lines = (rest + decoder.write(buffer.subarray(0, bytes))).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const text = readable(line);
      if (text !== undefined) console.error(`  [${name}] ${text}`);
    }
  };
  const timer = setInterval(readOn, intervalMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    readOn();
    closeSync(file);
  };
}

/** A log line for the terminal; undefined when it is routine. What is not ours (a stack on stderr, say) is shown as it is. */
export function readable(line: string): string | undefined {
  if (line === "") return undefined;
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return line;
  }
  if (typeof entry !== "object" || entry === null || !("level" in entry) || typeof entry.level !== "number")
    return line;
  if (entry.level < warning) return undefined;
  const text = "msg" in entry && typeof entry.msg === "string" ? entry.msg : "";
  const cause =
    "err" in entry && typeof entry.err === "object" && entry.err !== null && "message" in entry.err
      ? String(entry.err.message)
      : "";
  const severity = entry.level >= 60 ? "fatal" : entry.level >= 50 ? "error" : "warning";
  return `${severity}: ${[text, cause === text ? "" : cause].filter((part) => part !== "").join(": ")}`;
}
