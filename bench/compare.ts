// npm run bench: Tallyman and its peers side by side on the same services, and what the machine can do at most.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { Failure, runMain } from "../local/failure.ts";
import { root } from "../local/paths.ts";
import { contenders } from "./contenders/contenders.ts";
import { tallyman } from "./contenders/tallyman/tallyman.ts";
import { startGenerator } from "./load/generator.ts";
import { printResults } from "./report/print.ts";
import { withTable } from "./report/readme.ts";
import { type Results, nowOnThisMachine, readLatest, writeResults } from "./report/results.ts";
import { summarise, summariseMemory } from "./report/summary.ts";
import { type Bench, runBench } from "./support/bench.ts";
import { choose } from "./support/choose.ts";
import { whole } from "./support/numbers.ts";
import type { Options } from "./support/options.ts";
import { createField } from "./works/field.ts";
import { fullScale, smokeScale } from "./works/scale.ts";
import type { Context, Measured } from "./works/work.ts";
import { works } from "./works/works.ts";

const defaults = {
  seconds: 6,
  "warm-up": 2,
  repetitions: 3,
  /** Of a backlog. */
  orders: 1_000_000,
  only: "",
  contenders: "",
  all: false,
  smoke: false,
  readme: false,
  results: path.join("bench", "results"),
};

/** Where the README's chart is kept: bench/results/ is not part of the repository. */
const chartFile = "docs/bench.svg";

if (process.argv.includes("--readme")) await runMain(() => Promise.resolve(writeReadme()));
else await runBench("npm run bench", defaults, compare);

/** From the newest results that there are; measures nothing. */
function writeReadme(): number {
  const { results, svg } = readLatest(path.join(root, defaults.results));
  const page = path.join(root, "README.md");
  const written = withTable(readFileSync(page, "utf8"), results, chartFile);
  writeFileSync(path.join(root, chartFile), svg);
  writeFileSync(page, written);
  console.log(`README.md and ${chartFile} have the newest figures.`);
  return 0;
}

async function compare(bench: Bench, options: Options<typeof defaults>): Promise<number> {
  const scale = options.smoke ? smokeScale : fullScale(options);
  const chosenWorks = choose("--only", options.only, works);
  const eligible = contenders.filter(({ onlyWithAll }) => options.all || !onlyWithAll);
  const chosen = choose("--contenders", options.contenders, options.contenders === "" ? eligible : contenders);
  const repetitions: Measured[][] = [];
  const problems: string[] = [];
  {
    await using stack = new AsyncDisposableStack();
    const database = new pg.Client({ connectionString: bench.services.databaseUrl, application_name: "bench" });
    database.on("error", (error) => bench.giveUp(`The benchmark's database session broke: ${error.message}`));
    await database.connect();
    stack.defer(() => database.end());
    const generator = stack.use(await startGenerator(bench));
    const field = stack.use(createField(bench, scale));
    const context: Context = { bench, scale, contenders: chosen, field, generator, database };
    // One repetition of all works and contenders after the other, so that a disturbance and growing tables meet all of them alike.
    for (let repetition = 1; repetition <= scale.repetitions; repetition += 1) {
      const measured: Measured[] = [];
      for (const { title, run } of chosenWorks.flatMap((work) => work.cases(context))) {
        bench.signal.throwIfAborted();
        const told = await run();
        measured.push(...told);
        problems.push(...told.flatMap(({ sample }) => sample.problems.map((problem) => `${title}: ${problem}`)));
        const values = told.map(({ sample }) => whole(sample.value)).join(", ");
        if (told.length > 0) bench.progress.line(`${repetition} of ${scale.repetitions}: ${title}: ${values}`);
      }
      repetitions.push(measured);
    }
    problems.push(...(await field.audit()));
  }
  const rows = chosenWorks.map(({ key, rows: rowsOf }) => ({ key, rows: rowsOf(scale) }));
  const results: Results = {
    ...nowOnThisMachine(),
    options,
    works: chosenWorks.map(({ key, title }) => ({ key, title })),
    lines: summarise(rows, repetitions, tallyman.key),
    memory: summariseMemory(repetitions.flat()),
    problems,
    repetitions,
  };
  if (repetitions.flat().length === 0) throw new Failure("None of these contenders does any of these works.");
  printResults(results);
  const { json, svg } = await writeResults(path.resolve(root, options.results), results);
  console.log(`\nAll figures: ${path.relative(root, json)}\nThe chart: ${path.relative(root, svg)}`);
  for (const problem of problems) console.error(`WRONG: ${problem}`);
  if (problems.length > 0) return 1;
  console.log("Every order that was taken is decided and stored once, and the books of all agree.");
  return 0;
}
