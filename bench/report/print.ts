// The figures for people, on the terminal.
import { others } from "../support/cpu.ts";
import { whole } from "../support/numbers.ts";
import { printTable } from "../support/table.ts";
import type { Results } from "./results.ts";
import type { Line } from "./summary.ts";

export function printResults({ works, lines, memory }: Results): void {
  for (const { key, title } of works) {
    const own = lines.filter(({ work }) => work === key);
    const [first] = own;
    if (first === undefined) continue;
    console.log(`\n${title}, ${first.unit}: median, min and max of the repetitions; and the ratio to others`);
    printTable(["", "", "median", "min", "max", "ratios", "to reach"], withRowOnce(own, figures));
    printAmounts("Further figures, medians", own, ({ details }) => details);
    printAmounts("Seconds of processor time for 1,000 orders", own, ({ cpuSecondsPer1000 }) => cpuSecondsPer1000);
    printAmounts("Bytes written for an order", own, ({ bytesPerOrder }) => bytesPerOrder);
  }
  if (memory.length > 0) {
    console.log("\nResident memory in MB, looked at each second of every measurement");
    printTable(
      ["", "process", "median", "max", "looks"],
      memory.map((each) => [
        each.contender,
        each.process,
        whole(each.medianMegabytes),
        whole(each.maxMegabytes),
        whole(each.looks),
      ]),
    );
  }
  console.log(`
Orders/s are orders decided and stored in PostgreSQL, from the first one sent until the last one's row is there. A ratio is the median over
the repetitions of the one in each. What "${others}" took of the processors, the others' figures lack.`);
}

/** Many processes cost a thousandth of a second; many orders are a hundred thousand. */
export const figure = (value: number): string =>
  value >= 100 ? whole(value) : value >= 1 ? value.toFixed(1) : value === 0 ? "0" : value.toPrecision(2);

export const ratioText = ({ ratios }: Pick<Line, "ratios">): string =>
  ratios.map(({ to, value }) => `${value.toFixed(2)} of ${to}`).join(", ");

export const goalText = ({ goals }: Pick<Line, "goals">): string =>
  goals.map(({ text, isMet }) => (isMet ? text : `${text} (missed)`)).join(", ");

function figures(line: Line): string[] {
  const { title, spread } = line;
  return [title, figure(spread.median), figure(spread.min), figure(spread.max), ratioText(line), goalText(line)];
}

function printAmounts(heading: string, lines: readonly Line[], of: (line: Line) => Readonly<Record<string, number>>) {
  const names = [...new Set(lines.flatMap((line) => Object.keys(of(line))))];
  if (names.length === 0) return;
  console.log(`\n${heading}`);
  const cell = (line: Line, name: string): string => {
    const value = of(line)[name];
    return value === undefined ? "" : figure(value);
  };
  const told = lines.filter((line) => Object.keys(of(line)).length > 0);
  printTable(
    ["", "", ...names],
    withRowOnce(told, (line) => [line.title, ...names.map((name) => cell(line, name))]),
  );
}

/** The row's title only beside the first of its lines. */
function withRowOnce(lines: readonly Line[], cells: (line: Line) => string[]): string[][] {
  return lines.map((line, index) => [lines[index - 1]?.row === line.row ? "" : line.rowTitle, ...cells(line)]);
}
