// A million products: what an api and a processor keep in memory of them.
import { tallyman } from "../contenders/tallyman/tallyman.ts";
import type { ClientBatches } from "../load/loads.ts";
import { appendBacklog } from "../support/backlog.ts";
import { createInstallation } from "../support/installation.ts";
import { audit, untilProgress } from "../support/ledger.ts";
import { type MemoryLooks, sampleMemory } from "../support/memory.ts";
import { readAppends } from "../support/metrics.ts";
import { whole } from "../support/numbers.ts";
import { takenOf, unexpected } from "./measure-load.ts";
import { type Context, type Measured, type Row, type Work, noSample } from "./work.ts";

const atMostMegabytes = 300;
/** In measurements: so that many of the products are ordered. */
const measurements = 3;
const roles = ["api", "processor"] as const;

export const products: Work = {
  key: "products",
  title: "Resident memory at most",
  rows: ({ manyProducts }) =>
    roles.map((role): Row => {
      const title = `${role}, ${whole(manyProducts)} products`;
      return { key: `products-${role}`, title, unit: "MB", ratios: [], atMost: atMostMegabytes };
    }),
  cases: (context) =>
    context.contenders.includes(tallyman) ? [{ title: "a million products", run: () => measure(context) }] : [],
};

async function measure({ bench, scale, generator }: Context): Promise<Measured[]> {
  const { progress, signal } = bench;
  const count = scale.manyProducts;
  await using installation = await createInstallation(bench);
  const { database } = installation;
  const { records } = await progress.step(`${whole(count)} products and as many orders on a fresh topic`, () =>
    appendBacklog(installation, { productCount: count, orderCount: count, resentPercent: 0 }, signal),
  );
  await database.query(
    `insert into products (product_id, name, category, price_cents, currency, initial_stock)
     select 'product-' || n, 'product', 'bench', 250, 'EUR', 0 from generate_series(0, $1::integer - 1) as n`,
    [count],
  );
  const decided = (commands: number) =>
    untilProgress(database, (told) => told.effects >= commands, { pollMs: 20, limitMs: 60_000, signal });

  const processor = await installation.start("processor");
  const draining = sampleMemory({ processor: processor.pid });
  const from = performance.now();
  await progress.step("Deciding them", () => decided(records));
  const drainMs = performance.now() - from;
  const drained = draining.stop();

  const api = await installation.start("api");
  const serving = sampleMemory({ api: api.pid, processor: processor.pid });
  const load: ClientBatches = {
    kind: "client",
    url: `${api.url}/orders/batch`,
    seconds: scale.seconds * measurements,
    connections: scale.batchConnections,
    productIds: Array.from({ length: count }, (_, n) => `product-${n}`),
    distribution: "uniform",
    headers: {},
    lines: scale.batchLines,
  };
  const http = await generator.run(load);
  await decided(records + (await readAppends(api.url)));
  const served = serving.stop();
  const orders = takenOf(http, 202);
  const problems = [...unexpected(http, 202), ...(await audit(database, count + orders))];

  return roles.map((role): Measured => {
    const looks = [...(drained[role] ?? []), ...(served[role] ?? [])];
    const memory: MemoryLooks = { [role]: looks };
    const details = {
      "orders in batches": orders,
      "orders/s in batches": (orders / (http.endedAt - http.startedAt)) * 1000,
      "drained records/s": (records / drainMs) * 1000,
    };
    const sample = { ...noSample, value: Math.max(0, ...looks), memory, details, problems };
    return { row: `products-${role}`, contender: tallyman.key, title: tallyman.title, sample };
  });
}
