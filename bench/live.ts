// npm run bench:live: thousands of event streams on one api, most of them idle, hundreds told of what is ordered: who is dropped, how late
// they are told, and what memory that takes.
import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../local/failure.ts";
import { createStockedProducts, startSteadyLoad, untilAllDecided } from "../test/support/http-load.ts";
import { runBench } from "./support/bench.ts";
import type { Bench } from "./support/bench.ts";
import { writeFigures } from "./support/figures-file.ts";
import { createInstallation } from "./support/installation.ts";
import { sampleMemory } from "./support/memory.ts";
import { whole } from "./support/numbers.ts";
import { percentile } from "./support/percentiles.ts";
import { printTable } from "./support/table.ts";

const defaults = { seconds: 300, idle: 5_000, busy: 500, rate: 200 };
/** Of the 99th percentile from a decision until a subscriber has it. */
const targetMs = 500;
const [busyProducts, idleProducts] = [20, 100];
const decidedLimitMs = 60_000;
/** Streams that are opened at once. */
const openedAtOnce = 100;

type Heard = { readonly productId: string; readonly version: number; readonly at: number };
type Streams = { readonly heard: Heard[]; open(productId: string): Promise<void>; ended(): number; close(): void };

await runBench("npm run bench:live", defaults, async (bench, options) => {
  const figures = await measure(bench, options);
  const late = figures.lateMs.toSorted((a, b) => a - b);
  const [p50, p99, most] = [percentile(late, 0.5), percentile(late, 0.99), late.at(-1) ?? 0];
  const { dropped, memory } = figures;
  console.log(`
${options.idle} idle and ${options.busy} busy subscribers of one api for ${options.seconds} s, ${options.rate} orders/s over ${busyProducts} products. Milliseconds from a decision
(decided_at) until a subscriber had the event, which may tell of later decisions too.
`);
  printTable(
    ["events", "p50", "p99", "max", "dropped", "api MB before", "with subscribers", "at most"],
    [
      [late.length, p50, p99, most, dropped, memory.before, memory.subscribed, memory.most].map((value) =>
        whole(value),
      ),
    ],
  );
  writeFigures("live", options, [{ p50, p99, max: most, events: late.length, dropped, memory }]);
  if (dropped === 0 && p99 < targetMs && late.length > 0) return 0;
  console.error(`WRONG: nobody may be dropped, and the p99 must be below ${targetMs} ms.`);
  return 1;
});

async function measure(bench: Bench, { seconds, idle, busy, rate }: typeof defaults) {
  await using installation = await createInstallation(bench);
  const { database } = installation;
  const api = await installation.start("api");
  await installation.start("processor");
  const namesOf = (kind: string, count: number) => Array.from({ length: count }, (_, number) => `${kind}-${number}`);
  const [ordered, unordered] = [namesOf("busy", busyProducts), namesOf("idle", idleProducts)];
  await createStockedProducts(api.url, [...ordered, ...unordered]);

  const looks = sampleMemory({ api: api.pid });
  const streams = followProducts(api.url);
  const wanted = [
    ...Array.from({ length: idle }, (_, number) => unordered[number % idleProducts] ?? ""),
    ...Array.from({ length: busy }, (_, number) => ordered[number % busyProducts] ?? ""),
  ];
  for (let at = 0; at < wanted.length; at += openedAtOnce) {
    bench.signal.throwIfAborted();
    await Promise.all(wanted.slice(at, at + openedAtOnce).map((productId) => streams.open(productId)));
  }
  await sleep(2_000, undefined, { signal: bench.signal });
  const subscribed = sampleMemory({ api: api.pid }).stop().api?.at(-1) ?? 0;
  const from = streams.heard.length; // What was told at first is not what is measured.

  const load = startSteadyLoad({ url: () => api.url, productIds: ordered, perSecond: rate });
  await sleep(seconds * 1_000, undefined, { signal: bench.signal });
  await load.stop();
  const { lost } = await untilAllDecided(database, load.acked, decidedLimitMs);
  if (lost.length > 0) throw new Failure(`${lost.length} orders are not decided.`);
  await sleep(2_000, undefined, { signal: bench.signal });
  const dropped = streams.ended();
  streams.close();
  const memory = looks.stop().api ?? [];

  const { rows } = await database.query<{ product_id: string; version: string; decided_ms: number }>(
    `select product_id, version, extract(epoch from decided_at)::float8 * 1000 as decided_ms from ledger
      where status = 'accepted' and type = 'PlaceOrder'`,
  );
  const decidedMs = new Map(rows.map((row) => [`${row.product_id}@${row.version}`, row.decided_ms]));
  const lateMs = streams.heard.slice(from).flatMap(({ productId, version, at }) => {
    const decided = decidedMs.get(`${productId}@${version}`);
    return decided === undefined ? [] : [at - decided];
  });
  return { lateMs, dropped, memory: { before: memory[0] ?? 0, subscribed, most: Math.max(...memory) } };
}

function followProducts(url: string): Streams {
  const agent = new Agent({ keepAlive: false, maxSockets: Infinity });
  const heard: Heard[] = [];
  let [ended, isClosing] = [0, false];
  const open = (productId: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = get(`${url}/products/${productId}/events`, { agent }, (response) => {
        if (response.statusCode !== 200) reject(new Failure(`A stream was refused: ${response.statusCode ?? 0}.`));
        let rest = "";
        response.setEncoding("utf8").on("data", (text: string) => {
          const at = Date.now();
          rest += text;
          const end = rest.lastIndexOf("\n\n");
          for (const [, version] of rest.slice(0, end + 1).matchAll(/^id: (\d+)\.\d+\nevent: stock$/gm)) {
            heard.push({ productId, version: Number(version), at });
            resolve();
          }
          rest = rest.slice(end + 2);
        });
        response.on("close", () => (ended += isClosing ? 0 : 1));
        response.on("error", () => undefined); // Its close is counted.
      });
      request.on("error", reject);
    });
  return {
    heard,
    open,
    ended: () => ended,
    close: () => {
      isClosing = true;
      agent.destroy();
    },
  };
}
