// npm run bench:retries: what producers who send orders twice cost everybody: over HTTP, and in a backlog that is drained.
import { runBench } from "./support/bench.ts";
import { drain } from "./support/drain-run.ts";
import { printTable, spreadOf, whole, writeResults } from "./support/report.ts";
import { type Case, openShop } from "./support/shop.ts";

const productCount = 1_000;
const percents = [0, 10, 100];
const connectionCounts = [64, 256];

const http: readonly Case[] = connectionCounts.flatMap((connections) =>
  percents.map((resentPercent): Case => {
    const title = `POST one by one, ${connections} connections, ${resentPercent}% sent twice`;
    return { title, connections, products: "uniform", waits: false, resentPercent };
  }),
);

type Result = { readonly title: string; readonly resentPercent: number; readonly rates: number[] };
const defaults = { seconds: 5, "warm-up": 2, repetitions: 3, orders: 200_000 };

await runBench("npm run bench:retries", defaults, async (bench, options) => {
  const problems: string[] = [];
  const told = (title: string, rate: number, at: number): void =>
    bench.progress.line(`${at} of ${options.repetitions}: ${title}: ${whole(rate)} orders/s`);
  const posted = http.map((wanted): Result & { readonly wanted: Case } => {
    return { title: wanted.title, resentPercent: wanted.resentPercent ?? 0, rates: [], wanted };
  });
  {
    await using shop = await openShop(bench, productCount);
    for (let repetition = 1; repetition <= options.repetitions; repetition += 1) {
      for (const { title, wanted, rates } of posted) {
        const measured = await shop.measure(wanted, options["warm-up"], options.seconds);
        rates.push(measured.ordersPerSecond);
        problems.push(...measured.problems.map((problem) => `${title}: ${problem}`));
        told(title, measured.ordersPerSecond, repetition);
      }
    }
    problems.push(...(await shop.audit()));
  }
  const drained = percents.map((resentPercent): Result => {
    return { title: `a backlog, ${resentPercent}% on the log twice`, resentPercent, rates: [] };
  });
  for (let repetition = 1; repetition <= options.repetitions; repetition += 1) {
    for (const { title, resentPercent, rates } of drained) {
      const measured = await drain(bench, { orderCount: options.orders, resentPercent });
      rates.push(measured.ordersPerSecond);
      problems.push(...measured.problems.map((problem) => `${title}: ${problem}`));
      told(title, measured.ordersPerSecond, repetition);
    }
  }
  const results: readonly Result[] = [...posted.map(({ wanted: _, ...result }) => result), ...drained];
  print(results, options.repetitions);
  writeResults("retries", options, results);
  for (const problem of problems) console.error(`WRONG: ${problem}`);
  return problems.length === 0 ? 0 : 1;
});

function print(results: readonly Result[], repetitions: number): void {
  console.log(`
Orders decided and stored a second, each counted once, ${repetitions} times, interleaved. Over HTTP an order is sent again as soon as it is
answered. In the backlog the second one lies up to 5,000 records behind the first. Of none: the median, as a share of the one without repeats.
`);
  let none = 0;
  printTable(
    ["", "orders/s", "min", "max", "of none"],
    results.map(({ title, resentPercent, rates }) => {
      const { median, min, max } = spreadOf(rates);
      if (resentPercent === 0) none = median;
      return [title, whole(median), whole(min), whole(max), `${whole((median / none) * 100)}%`];
    }),
  );
}
