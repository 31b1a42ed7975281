// What a run leaves behind: all figures as JSON, and a chart of them.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Failure } from "../../local/failure.ts";
import type { Measured } from "../works/work.ts";
import { renderChart } from "./chart.ts";
import type { Line, MemoryLine } from "./summary.ts";

export type Results = {
  /** When it ended, ISO 8601. */
  readonly at: string;
  readonly machine: { readonly cpus: readonly string[]; readonly memoryBytes: number; readonly node: string };
  readonly options: object;
  readonly works: readonly { readonly key: string; readonly title: string }[];
  readonly lines: readonly Line[];
  readonly memory: readonly MemoryLine[];
  readonly problems: readonly string[];
  readonly repetitions: readonly (readonly Measured[])[];
};

const name = "bench";

export function nowOnThisMachine(): Pick<Results, "at" | "machine"> {
  const machine = { cpus: os.cpus().map((cpu) => cpu.model), memoryBytes: os.totalmem(), node: process.version };
  return { at: new Date().toISOString(), machine };
}

/** Resolves to the files' paths. */
export async function writeResults(folder: string, results: Results): Promise<{ json: string; svg: string }> {
  mkdirSync(folder, { recursive: true });
  const base = path.join(folder, `${name}-${results.at.replaceAll(/[:.]/g, "-")}`);
  const [json, svg] = [`${base}.json`, `${base}.svg`];
  writeFileSync(json, `${JSON.stringify(results, undefined, 1)}\n`);
  writeFileSync(svg, await renderChart(results));
  return { json, svg };
}

/** The newest in the folder, with its chart. Throws a Failure when there is none. */
export function readLatest(folder: string): { results: Results; svg: string } {
  const found = (existsSync(folder) ? readdirSync(folder) : []).filter(
    (file) => file.startsWith(`${name}-`) && file.endsWith(".json"),
  );
  const latest = found.toSorted().at(-1);
  if (latest === undefined) throw new Failure(`${folder} has no results yet: run the bench first.`);
  const json = path.join(folder, latest);
  const results = JSON.parse(readFileSync(json, "utf8")) as Results; // Written above.
  return { results, svg: readFileSync(json.replace(/\.json$/, ".svg"), "utf8") };
}
