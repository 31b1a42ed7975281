// The figures of one of the small programs (race, bench:restart) as a file of their own.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "../../local/paths.ts";
import { nowOnThisMachine } from "../report/results.ts";

/** Writes all figures into bench/results/ and says where. */
export function writeFigures(name: string, options: object, results: unknown): void {
  const folder = path.join(root, "bench", "results");
  mkdirSync(folder, { recursive: true });
  const { at, machine } = nowOnThisMachine();
  const file = path.join(folder, `${name}-${at.replaceAll(/[:.]/g, "-")}.json`);
  writeFileSync(file, `${JSON.stringify({ at, machine, options, results }, undefined, 2)}\n`);
  console.log(`\nAll figures: ${path.relative(process.cwd(), file)}`);
}
