// npm run bench:pages: the same pages with the cache and without: details, category pages, searches, and all of them mixed.
import { setTimeout as sleep } from "node:timers/promises";
import autocannon from "autocannon";
import { Failure } from "../local/failure.ts";
import { type Bench, runBench } from "./support/bench.ts";
import { type Cpu, pidsOf, readCpu, spent } from "./support/cpu.ts";
import { writeFigures } from "./support/figures-file.ts";
import { createInstallation } from "./support/installation.ts";
import { whole } from "./support/numbers.ts";
import { percentilesOf, ratioOf, spreadOf } from "./support/percentiles.ts";
import { printTable } from "./support/table.ts";

const defaults = { seconds: 10, "warm-up": 3, repetitions: 3, connections: 64, products: 100_000, hits: 95, limit: 20 };
type Options = typeof defaults;

const categories = 16;
const hotProducts = 1_000;
const sorts = ["name", "price", "-price", "newest"];
const colours = ["red", "green", "blue", "black", "white", "yellow", "brown", "grey"];
const things = ["lamp", "chair", "table", "bread", "apple", "kettle", "blanket", "pencil", "bottle", "basket"];
/** Nothing is put before. */
const pauseLimitMs = 60_000;

/** `hot` are asked for again and again; `cold` makes one that hardly anybody has asked for. */
type Work = { readonly name: string; readonly hot: readonly string[]; readonly cold: () => string };
type Measured = {
  readonly work: string;
  readonly cache: "on" | "off";
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly megabytesPerSecond: number;
  /** Share of answers whose descriptions came from the cache. */
  readonly hits: number;
  readonly wrong: number;
  readonly cpu: Cpu | undefined;
};

const any = (below: number): number => Math.floor(Math.random() * below);

await runBench("npm run bench:pages", defaults, async (bench, options) => {
  await using withCache = await openShop(bench, options, {});
  await using without = await openShop(bench, options, { PAGE_CACHE_BYTES: "0" });
  const shops = [
    ["on", withCache],
    ["off", without],
  ] as const;
  const works = worksOf(options);
  await warm(withCache.url, works);
  const measured: Measured[] = [];
  for (let repetition = 1; repetition <= options.repetitions; repetition++) {
    for (const work of works) {
      for (const [cache, { url, pid }] of shops) {
        const pids = pidsOf({ api: pid, ...bench.services.pids });
        measured.push({ work: work.name, cache, ...(await measure(url, work, options, pids)) });
        bench.signal.throwIfAborted();
      }
      bench.progress.line(`repetition ${repetition}, ${work.name}: done`);
    }
  }
  print(measured, works, options);
  writeFigures("pages", options, measured);
  const wrong = measured.filter(
    (each) => each.wrong > 0 || (each.cache === "on" && each.hits < options.hits / 100 - 0.05),
  );
  for (const { work, cache, wrong: count, hits } of wrong)
    console.error(
      `WRONG: ${work}, cache ${cache}: ${count} answers were none, and ${(100 * hits).toFixed(1)} % were hits.`,
    );
  return wrong.length === 0 ? 0 : 1;
});

async function openShop(bench: Bench, { products }: Options, settings: Readonly<Record<string, string>>) {
  const stack = new AsyncDisposableStack();
  const installation = stack.use(await createInstallation(bench, settings));
  const api = await installation.start("api");
  const { database } = installation;
  await database.query(
    `insert into products (product_id, name, category, price_cents, currency, description, initial_stock)
     select 'p-' || n, ($2::text[])[1 + n % $3] || ' ' || ($4::text[])[1 + (n / $3) % $5] || ' no. ' || n, 'category ' || n % $6, 1 + (n * 7919) % 100000,
       'EUR', 'Product number ' || n || ', of which there are some, and which is described in a sentence or two, as it is in shops.', 0
     from generate_series(0, $1::int4 - 1) as n`,
    [products, colours, colours.length, things, things.length, categories],
  );
  await database.query("insert into stock (product_id, quantity, version) select product_id, 100, 1 from products");
  await database.query("vacuum analyze products");
  await database.query("vacuum analyze stock");
  return { url: api.url, pid: api.pid, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function worksOf({ products, limit }: Options): Work[] {
  const details: Work = {
    name: "details",
    hot: Array.from({ length: hotProducts }, (_, n) => `/products/p-${n}`),
    cold: () => `/products/p-${hotProducts + any(products - hotProducts)}`,
  };
  const pageOf = (category: number, sort: string): string =>
    `/products?category=category%20${category}&sort=${sort}&limit=${limit}`;
  const lists: Work = {
    name: "category pages",
    hot: Array.from({ length: categories }, (_, category) => sorts.map((sort) => pageOf(category, sort))).flat(),
    cold: () => `${pageOf(any(categories), sorts[any(sorts.length)] ?? "name")}&minPriceCents=${any(50_000)}`,
  };
  const searches: Work = {
    name: "searches",
    hot: colours.flatMap((colour) => things.map((thing) => `/products?q=${colour}%20${thing}&limit=${limit}`)),
    cold: () => `/products?q=${things[any(things.length)]}%20${any(products)}&limit=${limit}`,
  };
  const parts = [details, lists, searches];
  const mixed: Work = {
    name: "mixed",
    hot: [details.hot.slice(0, 200), lists.hot, searches.hot].flat(),
    cold: () => parts[any(parts.length)]?.cold() ?? "",
  };
  return [...parts, mixed];
}

/** Every hot page once, when pages are put. */
async function warm(url: string, works: readonly Work[]): Promise<void> {
  const until = Date.now() + pauseLimitMs;
  while ((await fetch(`${url}/categories`)).headers.get("x-cache") !== "HIT") {
    if (Date.now() > until) throw new Failure("No page was kept.");
    await sleep(200);
  }
  for (const { hot } of works) for (const path of hot) await (await fetch(url + path)).arrayBuffer();
}

async function measure(url: string, work: Work, options: Options, pids: Readonly<Record<string, number>>) {
  await load(url, work, options, options["warm-up"]);
  const [before, readsBefore] = [readCpu(pids), await pageReads(url)];
  const loaded = await load(url, work, options, options.seconds);
  const [cpu, reads] = [spent(before, readCpu(pids)), await pageReads(url)];
  const hits = (reads.hits - readsBefore.hits) / Math.max(1, reads.all - readsBefore.all);
  return { ...loaded, hits, cpu };
}

async function load(url: string, { hot, cold }: Work, { connections, hits }: Options, seconds: number) {
  const times: number[] = [];
  let [wrong, bytes] = [0, 0];
  const setupRequest = (request: autocannon.Request): autocannon.Request => ({
    ...request,
    path: Math.random() * 100 < hits ? (hot[any(hot.length)] ?? "") : cold(),
  });
  const since = performance.now();
  const { promise: ended, resolve, reject } = Promise.withResolvers<undefined>();
  const running = autocannon(
    { url, connections, duration: seconds, requests: [{ method: "GET", setupRequest }] },
    (error: unknown) => {
      if (error === null || error === undefined) resolve(undefined);
      else reject(new Error("autocannon failed", { cause: error }));
    },
  );
  running.on("response", (_client, status, answerBytes, milliseconds) => {
    times.push(milliseconds);
    bytes += answerBytes;
    if (status !== 200) wrong += 1;
  });
  running.on("reqError", () => (wrong += 1));
  await ended;
  const took = (performance.now() - since) / 1_000;
  return { perSecond: times.length / took, megabytesPerSecond: bytes / took / 1e6, wrong, ...percentilesOf(times) };
}

async function pageReads(url: string): Promise<{ hits: number; all: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const counts = [...text.matchAll(/^tallyman_page_reads_total\{.*cache="(\w+)".*\} (\d+)$/gm)];
  const sum = (of: typeof counts): number => of.reduce((total, [, , count]) => total + Number(count), 0);
  return { hits: sum(counts.filter(([, cache]) => cache === "hit")), all: sum(counts) };
}

function print(measured: readonly Measured[], works: readonly Work[], options: Options): void {
  const { connections, products, seconds, repetitions } = options;
  console.log(
    `\nPages of ${whole(products)} products in ${categories} categories, ${connections} connections, ${repetitions} x ${seconds} s each; answers a second\n`,
  );
  const of = (work: string, cache: string): Measured[] =>
    measured.filter((each) => each.work === work && each.cache === cache);
  const median = (all: readonly Measured[], by: (each: Measured) => number): number => spreadOf(all.map(by)).median;
  const rows = works.flatMap(({ name }) =>
    (["off", "on"] as const).map((cache) => {
      const all = of(name, cache);
      const rate = spreadOf(all.map(({ perSecond }) => perSecond));
      const ratio = ratioOf(
        all.map(({ perSecond }) => perSecond),
        of(name, "off").map(({ perSecond }) => perSecond),
      );
      return [
        `${name}, cache ${cache}`,
        whole(rate.median),
        `${whole(rate.min)} to ${whole(rate.max)}`,
        `${ratio?.toFixed(1) ?? "?"} x`,
        median(all, ({ p50 }) => p50).toFixed(1),
        median(all, ({ p99 }) => p99).toFixed(1),
        `${(100 * median(all, ({ hits }) => hits)).toFixed(1)} %`,
        median(all, ({ megabytesPerSecond }) => megabytesPerSecond).toFixed(1),
        ...["api", "postgres", "redis"].map((who) => median(all, ({ cpu }) => cpu?.[who] ?? 0).toFixed(1)),
      ];
    }),
  );
  printTable(
    ["", "median", "spread", "ratio", "p50 ms", "p99 ms", "hits", "MB/s", "api CPU s", "PostgreSQL", "Redis"],
    rows,
  );
}
