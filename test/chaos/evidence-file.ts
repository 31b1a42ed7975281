/**
 * Evidence as a file: a line for each value, and one for each so many items of a list, for that of a long run is longer than
 * any text that Node can hold.
 */
import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import type { Evidence } from "./auditor/evidence.ts";

const itemsOfLine = 5_000;

export function writeEvidence(file: string, evidence: Evidence): void {
  const descriptor = openSync(file, "w");
  const write = (name: string, value: unknown): void => {
    writeSync(descriptor, `${JSON.stringify([name, value])}\n`);
  };
  try {
    for (const [name, value] of Object.entries(evidence)) {
      if (!Array.isArray(value)) {
        write(name, value);
        continue;
      }
      write(name, []); // An empty list is one too.
      for (let from = 0; from < value.length; from += itemsOfLine) write(name, value.slice(from, from + itemsOfLine));
    }
  } finally {
    closeSync(descriptor);
  }
}

export async function readEvidence(file: string): Promise<Evidence> {
  const values: Record<string, unknown> = {};
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    const [name, value] = JSON.parse(line) as [string, unknown];
    const known = values[name];
    if (!Array.isArray(value) || !Array.isArray(known)) values[name] = value;
    else for (const item of value as unknown[]) known.push(item);
  }
  return values as Evidence;
}
