// npm run bench:drain: one processor works off a backlog of Avro orders into PostgreSQL and Redis.
import { appendBacklog } from "./support/backlog.ts";
import { type Bench, runBench } from "./support/bench.ts";
import { type Cpu, pidsOf, readCpu, spent } from "./support/cpu.ts";
import { createInstallation } from "./support/installation.ts";
import { type Progress, audit, readProgress, untilProgress } from "./support/ledger.ts";
import { type CommitMetrics, readCommitMetrics } from "./support/metrics.ts";
import { printCpu, printTable, spreadOf, whole, writeResults } from "./support/report.ts";

const productCount = 1_000;
const pollMs = 20;
const limitMs = 30_000;

type Drain = {
  readonly ordersPerSecond: number;
  /** Decided between the two looks that the time lies between. */
  readonly commands: number;
  readonly ms: number;
  /** From the last decision until PostgreSQL says that all effects are told, which the processor notes once a second. */
  readonly effectsMs: number;
  readonly metrics: CommitMetrics;
  /** From the first commit seen until all effects were told, with what was decided meanwhile. */
  readonly cpu: Cpu | undefined;
  readonly cpuCommands: number;
  readonly problems: readonly string[];
};

await runBench("npm run bench:drain", { orders: 500_000, repetitions: 3 }, async (bench, options) => {
  const drains: Drain[] = [];
  for (let repetition = 1; repetition <= options.repetitions; repetition += 1) {
    const drain = await measure(bench, options.orders);
    drains.push(drain);
    bench.progress.line(`${repetition} of ${options.repetitions}: ${whole(drain.ordersPerSecond)} orders/s`);
  }
  print(drains, options.orders);
  writeResults("drain", options, drains);
  const problems = drains.flatMap((drain) => drain.problems);
  for (const problem of problems) console.error(`WRONG: ${problem}`);
  if (problems.length > 0) return 1;
  console.log("Every order of every backlog is decided once, and the ledger's sums are the stock.");
  return 0;
});

async function measure(bench: Bench, orderCount: number): Promise<Drain> {
  const { progress, services, signal } = bench;
  await using installation = await createInstallation(bench);
  const { database } = installation;
  await progress.step(`${whole(orderCount)} orders on a fresh topic`, () =>
    appendBacklog(installation, { productCount, orderCount }, signal),
  );
  const total = orderCount + productCount;
  const look = { pollMs, limitMs, signal };
  const until = async (enough: (progress: Progress) => boolean) => {
    const { decided } = await untilProgress(database, enough, look);
    return { decided, at: performance.now() };
  };
  // Side by side: it decides before it has said that it is ready.
  const [processor, first] = await Promise.all([installation.start("processor"), until(({ decided }) => decided > 0)]);
  const pids = pidsOf({ processor: processor.pid, ...services.pids });
  const cpuFrom = { cpu: readCpu(pids), ...(await readProgress(database)) };
  const last = await until(({ decided }) => decided >= total);
  const told = await until(({ effects }) => effects >= total);
  const cpu = spent(cpuFrom.cpu, readCpu(pids));

  const commands = last.decided - first.decided;
  const problems = await audit(database, orderCount);
  if (commands < total / 2) problems.push("More than half was decided at the first look: take more --orders.");
  return {
    ordersPerSecond: (commands / (last.at - first.at)) * 1000,
    commands,
    ms: last.at - first.at,
    effectsMs: told.at - last.at,
    metrics: await readCommitMetrics(processor.url),
    cpu,
    cpuCommands: total - cpuFrom.decided,
    problems,
  };
}

function print(drains: readonly Drain[], orders: number): void {
  console.log(`
Draining ${whole(orders)} orders over ${whole(productCount)} products, ${drains.length} times, each by a processor that has just started.
Orders/s: what was decided between the first commit seen and the last one, by the time between; partitions.next_offset was looked at
every ${pollMs} ms. Effects: how much later PostgreSQL says that Redis is told, which the processor notes about once a second.
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
