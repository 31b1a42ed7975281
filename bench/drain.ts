// npm run bench:drain: one processor works off a backlog of Avro orders into PostgreSQL and Redis.
import { runBench } from "./support/bench.ts";
import { type Drain, drain, drainPollMs, drainedProducts } from "./support/drain-run.ts";
import { printCpu, printTable, spreadOf, whole, writeResults } from "./support/report.ts";

await runBench("npm run bench:drain", { orders: 500_000, repetitions: 3 }, async (bench, options) => {
  const drains: Drain[] = [];
  for (let repetition = 1; repetition <= options.repetitions; repetition += 1) {
    const drained = await drain(bench, { orderCount: options.orders, resentPercent: 0 });
    drains.push(drained);
    bench.progress.line(`${repetition} of ${options.repetitions}: ${whole(drained.ordersPerSecond)} orders/s`);
  }
  print(drains, options.orders);
  writeResults("drain", options, drains);
  const problems = drains.flatMap(({ problems: each }) => each);
  for (const problem of problems) console.error(`WRONG: ${problem}`);
  if (problems.length > 0) return 1;
  console.log("Every order of every backlog is decided once, and the ledger's sums are the stock.");
  return 0;
});

function print(drains: readonly Drain[], orders: number): void {
  console.log(`
Draining ${whole(orders)} orders over ${whole(drainedProducts)} products, ${drains.length} times, each by a processor that has just started.
Orders/s: what was decided between the first commit seen and the last one, by the time between; partitions.next_offset was looked at
every ${drainPollMs} ms. Effects: how much later PostgreSQL says that Redis is told, which the processor notes about once a second.
`);
  const { median, min, max } = spreadOf(drains.map(({ ordersPerSecond }) => ordersPerSecond));
  console.log(`  orders/s: median ${whole(median)}, min ${whole(min)}, max ${whole(max)}\n`);
  printTable(
    ["", "orders/s", "s", "commits", "commands a commit", "ms a commit", "fenced", "effects ms"],
    drains.map(({ ordersPerSecond, ms, metrics, effectsMs }, index) => [
      `repetition ${index + 1}`,
      whole(ordersPerSecond),
      (ms / 1000).toFixed(2),
      whole(metrics.commits),
      whole(metrics.meanGroup),
      metrics.meanCommitMs.toFixed(1),
      whole(metrics.fenced),
      whole(effectsMs),
    ]),
  );
  printCpu(
    drains.map(({ cpu, cpuCommands }, index) => ({ title: `repetition ${index + 1}`, cpu, orders: cpuCommands })),
  );
}
