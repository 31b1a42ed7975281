// Figures for people, and the same for programs in bench/results/.
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { root } from "../../local/paths.ts";
import { type Cpu, others } from "./cpu.ts";

export type Spread = { readonly median: number; readonly min: number; readonly max: number };

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

export const whole = (value: number): string => Math.round(value).toLocaleString("en");

/** The first column is left-aligned, the others are numbers. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of [head, ...rows]) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    console.log(`  ${cells.join("  ")}`);
  }
}

export type CpuRow = { readonly title: string; readonly cpu: Cpu | undefined; readonly orders: number };

/** Seconds of processor time for 1,000 orders; nothing where the system does not tell. */
export function printCpu(rows: readonly CpuRow[]): void {
  const known = rows.flatMap(({ title, cpu, orders }) => (cpu === undefined ? [] : [{ title, cpu, orders }]));
  const names = Object.keys(known[0]?.cpu ?? {});
  if (names.length === 0) {
    console.log("\nNo processor times: they are read from /proc, which is not here.");
    return;
  }
  console.log(
    "\nSeconds of processor time for 1,000 orders, by process (services that were not started here are not told apart)",
  );
  const cells = ({ title, cpu, orders }: CpuRow): string[] => [
    title,
    ...names.map((name) => (((cpu?.[name] ?? 0) / orders) * 1000).toFixed(4)),
  ];
  printTable(["", ...names], known.map(cells));
  const load = spreadOf(known.map(({ cpu }) => cpu[others] ?? 0));
  console.log(
    `  "${others}" took up to ${load.max.toFixed(1)} s in one measurement: what it takes, the figures above lack.`,
  );
}

export function sumCpu(parts: readonly (Cpu | undefined)[]): Cpu | undefined {
  const sum: Record<string, number> = {};
  for (const part of parts) {
    if (part === undefined) return undefined;
    for (const [name, seconds] of Object.entries(part)) sum[name] = (sum[name] ?? 0) + seconds;
  }
  return sum;
}

/** Writes all figures to a file of their own and says where. */
export function writeResults(name: string, options: object, results: unknown): void {
  const folder = path.join(root, "bench", "results");
  mkdirSync(folder, { recursive: true });
  const at = new Date().toISOString();
  const machine = { cpus: os.cpus().map((cpu) => cpu.model), memoryBytes: os.totalmem(), node: process.version };
  const file = path.join(folder, `${name}-${at.replaceAll(/[:.]/g, "-")}.json`);
  writeFileSync(file, `${JSON.stringify({ at, machine, options, results }, undefined, 2)}\n`);
  console.log(`\nAll figures: ${path.relative(process.cwd(), file)}`);
}
