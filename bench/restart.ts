// npm run bench:restart: how long a product stands still while processors are restarted one after the other, added, and killed.
import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "../local/apps.ts";
import { Failure } from "../local/failure.ts";
import {
  type DecidedOrder,
  createStockedProducts,
  longestWaits,
  productsOfEveryPartition,
  startSteadyLoad,
  untilAllDecided,
  wrongBooks,
} from "../test/support/http-load.ts";
import { type Bench, runBench } from "./support/bench.ts";
import { type Installation, createInstallation } from "./support/installation.ts";
import { writeFigures } from "./support/figures-file.ts";
import { whole } from "./support/numbers.ts";
import { spreadOf } from "./support/percentiles.ts";
import { printTable } from "./support/table.ts";

const partitionCount = 12;
const productsPerPartition = 4;
const settledLimitMs = 30_000;
const decidedLimitMs = 60_000;
/** Of undisturbed load between two phases, so that what one has left does not count for the next. */
const betweenMs = 2_000;

const defaults = { processors: 3, rate: 300, repetitions: 3 };
/** Of the 99th percentile over products, in a planned restart. */
const targetMs = 2_000;

type Phase = { readonly title: string; readonly run: (fleet: Fleet) => Promise<void> };

const phases: readonly Phase[] = [
  { title: "undisturbed", run: () => sleep(3_000) },
  {
    title: "restart: stop one, start one",
    run: async (fleet) => {
      for (const old of [...fleet.running]) {
        await fleet.stop(old);
        await fleet.start(old);
      }
    },
  },
  {
    title: "restart: start one, stop one",
    run: async (fleet) => {
      for (const old of [...fleet.running]) {
        await fleet.start();
        await fleet.stop(old);
        await fleet.settled();
      }
    },
  },
  {
    title: "kill -9 one, start one",
    run: async (fleet) => {
      const [victim] = fleet.running;
      if (victim === undefined) return;
      await fleet.kill(victim);
      await fleet.settled();
      await fleet.start(victim);
    },
  },
];

type Result = {
  readonly title: string;
  /** The longest time from an order's acknowledgement to its decision, of each product; milliseconds. */
  readonly longestByProduct: Readonly<Record<string, number>>;
  readonly orders: number;
  readonly exitMs: readonly number[];
  /** Partitions that were claimed, each as often as it was, and commits that were refused as fenced. */
  readonly claims: number;
  readonly fenced: number;
};

await runBench("npm run bench:restart", defaults, async (bench, options) => {
  const repetitions: { results: readonly Result[]; problems: readonly string[] }[] = [];
  for (let repetition = 1; repetition <= options.repetitions; repetition += 1) {
    repetitions.push(await measure(bench, options));
    bench.progress.line(`${repetition} of ${options.repetitions} repetitions`);
  }
  print(
    repetitions.map(({ results }) => results),
    options,
  );
  writeFigures("restart", options, repetitions);
  const problems = repetitions.flatMap((repetition) => repetition.problems);
  for (const problem of problems) console.error(`WRONG: ${problem}`);
  if (problems.length > 0) return 1;
  console.log("Every order that was acknowledged is decided once, and the ledger's sums are the stock.");
  return 0;
});

/** The processors that run at the moment. */
type Fleet = {
  readonly running: readonly App[];
  readonly exitMs: number[];
  /** Resolves when the new one owns its share. In the place of `old` it has its name. */
  start(old?: App): Promise<void>;
  stop(app: App): Promise<void>;
  kill(app: App): Promise<void>;
  /** Resolves when those that run own all partitions, each one some. */
  settled(): Promise<void>;
};

async function measure(bench: Bench, { processors, rate }: typeof defaults) {
  await using installation = await createInstallation(bench);
  const { database } = installation;
  const api = await installation.start("api");
  const fleet = createFleet(bench, installation);
  for (let n = 0; n < processors; n += 1) await fleet.start();
  const productIds = productsOfEveryPartition(partitionCount, productsPerPartition);
  await createStockedProducts(api.url, productIds);

  const load = startSteadyLoad({ url: () => api.url, productIds, perSecond: rate });
  const spans: Omit<Result & { from: number; to: number }, "longestByProduct" | "orders">[] = [];
  const settle = () => sleep(betweenMs, undefined, { signal: bench.signal });
  await settle();
  for (const { title, run } of phases) {
    const before = await handsOf(database);
    const [from, exits] = [Date.now(), fleet.exitMs.length];
    await run(fleet);
    bench.signal.throwIfAborted();
    const to = Date.now();
    await settle(); // Fenced commits are counted a second later.
    const after = await handsOf(database);
    const [claims, fenced] = [after.claims - before.claims, after.fenced - before.fenced];
    spans.push({ title, from, to, exitMs: fleet.exitMs.slice(exits), claims, fenced });
  }
  await load.stop();
  const { decided, lost, strangers } = await untilAllDecided(database, load.acked, decidedLimitMs);
  const problems = [
    ...(lost.length > 0 ? [`${lost.length} orders were acknowledged and are not decided.`] : []),
    ...(strangers > 0 ? [`${strangers} orders are decided that were never acknowledged.`] : []),
    ...(await wrongBooks(database)).map((id) => `The ledger's sum is not the stock of ${id}.`),
    ...[...load.refusals].map(([answer, times]) => `${times} answers were ${answer} instead of 202.`),
  ];
  const results: Result[] = spans.map(({ from, to, ...span }) => {
    const orders = decided.filter(({ ackedAt }) => ackedAt >= from && ackedAt < to);
    return { ...span, longestByProduct: longestOf(orders), orders: orders.length };
  });
  return { results, problems };
}

async function handsOf(database: Installation["database"]): Promise<{ claims: number; fenced: number }> {
  const { rows } = await database.query<{ claims: number; fenced: number }>(
    "select sum(epoch)::int as claims, sum(fenced_commits)::int as fenced from partitions",
  );
  return rows[0] ?? { claims: 0, fenced: 0 };
}

function longestOf(orders: readonly DecidedOrder[]): Record<string, number> {
  return Object.fromEntries(longestWaits(orders));
}

function createFleet({ signal }: Bench, installation: Installation): Fleet {
  const running: App[] = [];
  const exitMs: number[] = [];
  const take = (app: App): void => void running.splice(running.indexOf(app), 1);
  const settled: Fleet["settled"] = async () => {
    for (const deadline = performance.now() + settledLimitMs; ;) {
      const { rows } = await installation.database.query<{ owner: string }>(
        "select owner from partitions where released_epoch is distinct from epoch",
      );
      const owns = (app: App): boolean => rows.some(({ owner }) => owner.endsWith(portOf(app)));
      const owned = rows.filter(({ owner }) => running.some((app) => owner.endsWith(portOf(app))));
      if (owned.length === partitionCount && running.every(owns)) return;
      if (performance.now() > deadline) throw new Failure(`The partitions have no owners after ${settledLimitMs} ms.`);
      await sleep(20, undefined, { signal });
    }
  };
  return {
    running,
    exitMs,
    settled,
    start: async (old) => {
      running.push(
        await installation.start("processor", old === undefined ? undefined : Number(new URL(old.url).port)),
      );
      await settled();
    },
    stop: async (app) => {
      const askedAt = performance.now();
      await installation.end(app, "SIGTERM");
      exitMs.push(performance.now() - askedAt);
      take(app);
    },
    kill: async (app) => {
      await installation.end(app, "SIGKILL");
      take(app);
    },
  };
}

/** An owner's name ends with the port of its health. */
function portOf(app: App): string {
  return `-${new URL(app.url).port}`;
}

function print(repetitions: readonly (readonly Result[])[], { processors, rate }: typeof defaults): void {
  console.log(`
${processors} processors, ${rate} orders/s one by one over ${partitionCount * productsPerPartition} products on ${partitionCount} partitions. Milliseconds: the longest time from an
order's acknowledgement to its decision (decided_at), of each product; then p50, p99 and max over the products. Exit: from SIGTERM to the end.
Claims: partitions that changed hands, each as often as it did. Fenced: commits that were refused to owners out of date. A session
lasts SESSION_TIMEOUT_MS, by itself 3,000.
The target of a planned restart is a p99 below ${whole(targetMs)} ms; of kill -9, the session and 1,000 ms.
`);
  printTable(
    ["", "p50", "p99", "max", "orders", "exit ms", "claims", "fenced"],
    phases.flatMap(({ title }) =>
      repetitions.map((results, index) => {
        const result = results.find((each) => each.title === title);
        const waits = Object.values(result?.longestByProduct ?? {}).toSorted((a, b) => a - b);
        const at = (share: number): string => whole(waits[Math.ceil(waits.length * share) - 1] ?? 0);
        const exits = result?.exitMs ?? [];
        return [
          index === 0 ? title : "",
          at(0.5),
          at(0.99),
          at(1),
          whole(result?.orders ?? 0),
          exits.length === 0 ? "" : whole(spreadOf(exits).max),
          whole(result?.claims ?? 0),
          whole(result?.fenced ?? 0),
        ];
      }),
    ),
  );
}
