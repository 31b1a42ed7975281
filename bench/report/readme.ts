/** The table of the README, from the results of a run. Pure: text in, text out. */
import { goalText, ratioText } from "./print.ts";
import { whole } from "../support/numbers.ts";
import type { Results } from "./results.ts";
import type { Line } from "./summary.ts";

const begin = "<!-- bench: written by npm run bench -- --readme -->";
const end = "<!-- bench: end -->";

/** The page with the table and the chart between the two marks; throws when it has not both of them. */
export function withTable(page: string, results: Results, chart: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`The page has no "${begin}" before a "${end}".`);
  return `${page.slice(0, from + begin.length)}\n${tableOf(results)}\n![The rates as bars](${chart})\n\n${page.slice(to)}`;
}

export function tableOf({ works, lines, at, machine, memory, options }: Results): string {
  const judged = "tallyman";
  const tables = works.flatMap(({ key, title }) => {
    const own = lines.filter(({ work }) => work === key);
    const [first] = own;
    if (first === undefined) return [];
    // Where a contender has a title for each way of measuring, the row says which one it is.
    const contenders = [...new Map(own.map((line) => [line.contender, line.title.split(": ")[0] ?? line.title]))];
    const rows = [...new Map(own.map((line) => [line.row, line.rowTitle]))];
    const cell = (row: string, contender: string): string => {
      const line = own.find((each) => each.row === row && each.contender === contender);
      return line === undefined ? "" : spreadText(line);
    };
    const head = [`${title}, ${first.unit}`, ...contenders.map(([, name]) => name), "Tallyman's ratio", "to reach"];
    const body = rows.map(([row, name]) => {
      const line = own.find((each) => each.row === row && each.contender === judged);
      const ratios = line === undefined ? ["", ""] : [ratioText(line), goalText(line)];
      return [name, ...contenders.map(([contender]) => cell(row, contender)), ...ratios];
    });
    return [markdown(head, body)];
  });
  const own = memory.filter(({ contender }) => contender === judged);
  const told = own.map(
    ({ process, maxMegabytes, medianMegabytes }) =>
      `${process} ${whole(medianMegabytes)} MB, at most ${whole(maxMegabytes)} MB`,
  );
  const remembered = told.length === 0 ? "" : ` Resident memory through all of it: ${told.join("; ")}.`;
  const cores = `${machine.cpus.length} cores (${machine.cpus[0] ?? "unknown"})`;
  return `\n${tables.join("\n\n")}\n\nMedian (min to max) of the repetitions, on ${cores}, ${at.slice(0, 10)}, by \`${commandOf(options)}\`.${remembered}\n`;
}

/** What was asked for, as it would be asked for again. */
function commandOf(options: object): string {
  const told = Object.entries(options).flatMap(([name, value]: [string, unknown]) => {
    if (value === "" || value === false || name === "results" || name === "readme") return [];
    return value === true ? [`--${name}`] : [`--${name} ${String(value)}`];
  });
  return ["npm run bench --", ...told].join(" ");
}

function spreadText({ spread: { median, min, max } }: Line): string {
  const shown = (value: number): string => (value < 100 ? value.toFixed(1) : whole(value));
  return `${shown(median)} (${shown(min)} to ${shown(max)})`;
}

const markdown = (head: readonly string[], body: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
