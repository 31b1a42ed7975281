// npm run bench:orders: POST /orders one by one against one api and one processor, until every order is decided and in PostgreSQL.
import { runBench } from "./support/bench.ts";
import { printCpu, printTable, spreadOf, sumCpu, whole, writeResults } from "./support/report.ts";
import { type Case, type Measurement, openShop } from "./support/shop.ts";

const productCount = 1_000;

const cases: readonly Case[] = [
  { title: "64 connections, 1,000 products", connections: 64, products: "uniform", waits: false },
  { title: "256 connections, 1,000 products", connections: 256, products: "uniform", waits: false },
  { title: "64 connections, one hot product", connections: 64, products: "hot", waits: false },
  { title: "256 connections, one hot product", connections: 256, products: "hot", waits: false },
  { title: "64 connections, Prefer: wait=5", connections: 64, products: "uniform", waits: true },
];

const defaults = { seconds: 6, "warm-up": 2, repetitions: 3 };

await runBench("npm run bench:orders", defaults, async (bench, options) => {
  await using shop = await openShop(bench, productCount);
  const results = cases.map((wanted) => ({ ...wanted, measurements: new Array<Measurement>() }));
  // One repetition of all cases after the other, so that a disturbance and a growing ledger meet all of them alike.
  for (let repetition = 1; repetition <= options.repetitions; repetition += 1) {
    for (const wanted of results) {
      const measured = await shop.measure(wanted, options["warm-up"], options.seconds);
      wanted.measurements.push(measured);
      const rate = `${whole(measured.ordersPerSecond)} orders/s`;
      bench.progress.line(`${repetition} of ${options.repetitions}: ${wanted.title}: ${rate}`);
    }
  }
  const problems = [
    ...results.flatMap(({ title, measurements }) =>
      measurements.flatMap((measured) => measured.problems.map((problem) => `${title}: ${problem}`)),
    ),
    ...(await shop.audit()),
  ];
  print(results, options);
  writeResults("orders", options, results);
  for (const problem of problems) console.error(`WRONG: ${problem}`);
  if (problems.length > 0) return 1;
  const sum = results.flatMap(({ measurements }) => measurements).reduce((total, { orders }) => total + orders, 0);
  console.log(
    `Every acknowledged order is decided once, and the ledger's sums are the stock (${whole(sum)} measured).`,
  );
  return 0;
});

type Result = Case & { readonly measurements: readonly Measurement[] };

function print(results: readonly Result[], options: typeof defaults): void {
  console.log(`
POST /orders, ${options.repetitions} times ${options.seconds} s each after ${options["warm-up"]} s of warm-up, load by autocannon in a process of its own.
Orders/s: decided and stored, from the first order sent until PostgreSQL has the last one's row (median, min, max). Milliseconds are
medians over the repetitions. HTTP: from the request sent to its answer, a 202, or the 201 with the decision where it waits: that is the
true time until the caller knows. To decision: decided_at - issued_at of the ledger, that is from the api's clock before the append to the
beginning of the transaction that decides; the commit itself and the way back are not in it.
`);
  const milliseconds = (measurements: readonly Measurement[], of: (measured: Measurement) => number): string =>
    spreadOf(measurements.map(of)).median.toFixed(1);
  printTable(
    ["", "orders/s", "min", "max", "HTTP p50", "p99", "to decision p50", "p99", "not 2xx"],
    results.map(({ title, measurements }) => {
      const rate = spreadOf(measurements.map(({ ordersPerSecond }) => ordersPerSecond));
      return [
        title,
        whole(rate.median),
        whole(rate.min),
        whole(rate.max),
        milliseconds(measurements, ({ http }) => http.p50),
        milliseconds(measurements, ({ http }) => http.p99),
        milliseconds(measurements, (measured) => measured.orderToDecision.p50),
        milliseconds(measurements, (measured) => measured.orderToDecision.p99),
        whole(measurements.reduce((sum, { http }) => sum + notSuccessful(http.statuses) + http.errors, 0)),
      ];
    }),
  );
  printCpu(
    results.map(({ title, measurements }) => ({
      title,
      cpu: sumCpu(measurements.map(({ cpu }) => cpu)),
      orders: measurements.reduce((sum, { orders }) => sum + orders, 0),
    })),
  );
}

function notSuccessful(statuses: Readonly<Record<string, number>>): number {
  return Object.entries(statuses).reduce((sum, [status, times]) => (status.startsWith("2") ? sum : sum + times), 0);
}
