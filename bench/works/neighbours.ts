// One product is flooded with batches: what that does to the products that share its partition, with the quotas that hold it back and
// without. Their orders are single ones, at a small and constant rate.
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import type { Running } from "../contenders/contender.ts";
import { startTallyman, tallyman } from "../contenders/tallyman/tallyman.ts";
import { startGenerator } from "../load/generator.ts";
import type { Batches, OpenLoop } from "../load/loads.ts";
import { takenOf, unexpected } from "./measure-load.ts";
import { type Context, type Measured, type Row, type Work, noSample } from "./work.ts";

const rowKeys = { calm: "neighbours-calm", flood: "neighbours-flood", free: "neighbours-free" } as const;
const partitions = 12;
const hot = "hot";

export const neighbours: Work = {
  key: "neighbours",
  title: "Neighbours of a hot product, order to decision, p99",
  rows: ({ batchConnections, batchLines }): Row[] => {
    const calm = { contender: tallyman.key, rows: [rowKeys.calm] };
    const flood = `flooded by batches of ${batchLines.toLocaleString("en")}, ${batchConnections} connections`;
    return [
      { key: rowKeys.calm, title: "it is not ordered", unit: "ms", ratios: [] },
      { key: rowKeys.flood, title: flood, unit: "ms", ratios: [{ ...calm, atMost: 2 }] },
      { key: rowKeys.free, title: `the same, PRODUCT_QUOTAS=off`, unit: "ms", ratios: [calm] },
    ];
  },
  cases: (context) =>
    context.contenders.includes(tallyman)
      ? [
          { title: "neighbours", run: () => measure(context, [rowKeys.calm, rowKeys.flood], {}) },
          { title: "neighbours, no quotas", run: () => measure(context, [rowKeys.free], { PRODUCT_QUOTAS: "off" }) },
        ]
      : [],
};

type RowKey = (typeof rowKeys)[keyof typeof rowKeys];

async function measure(
  context: Context,
  rows: readonly RowKey[],
  settings: Readonly<Record<string, string>>,
): Promise<Measured[]> {
  const { bench, scale } = context;
  await using stack = new AsyncDisposableStack();
  const running = stack.use(await startTallyman(bench, { ...settings, ORDERS_PARTITIONS: String(partitions) }));
  const ids = neighboursOf(hot, scale.neighbours);
  await running.addProducts([hot, ...ids], scale.units);
  // Of a process of its own: the neighbours' orders must leave when they are due, whatever the flood does.
  const flooding = stack.use(await startGenerator(bench));
  const measured: Measured[] = [];
  for (const row of rows) {
    const sample = await measureOne(context, running, ids, row === rowKeys.calm ? undefined : flooding);
    measured.push({ row, contender: tallyman.key, title: tallyman.title, sample });
  }
  return measured;
}

async function measureOne(
  { bench, scale, generator, database }: Context,
  running: Running,
  productIds: readonly string[],
  flooding: typeof generator | undefined,
) {
  const seconds = Math.max(1, scale.seconds);
  const common = { distribution: "uniform", headers: {} } as const;
  const open: OpenLoop = {
    ...common,
    kind: "open",
    url: running.postUrl,
    seconds,
    perSecond: scale.neighbourOrdersPerSecond,
    connections: scale.connections.at(-1) ?? 1,
    productIds,
  };
  const batches: Batches = {
    ...common,
    kind: "batches",
    url: running.batchUrl ?? "",
    seconds: scale.floodLeadSeconds + seconds,
    connections: scale.batchConnections,
    productIds: [hot],
    lines: scale.batchLines,
    heedsRetryAfter: true,
  };
  await generator.run({ ...open, seconds: Math.max(0.1, scale.warmUpSeconds) });
  await running.untilStored();
  await database.query("checkpoint");
  const before = await running.stored();
  const lead = Promise.withResolvers<undefined>();
  const flood = flooding?.run(
    batches,
    () => void setTimeout(() => lead.resolve(undefined), scale.floodLeadSeconds * 1000),
  );
  if (flood !== undefined) await Promise.race([lead.promise, flood]);
  bench.signal.throwIfAborted();
  const http = await generator.run(open);
  const flooded = await flood;
  await running.untilStored();
  const decided = await running.orderToDecision?.(http.startedAt, hot);
  const after = await running.stored();

  const problems = [...unexpected(http, running.acceptedStatus), ...(await running.verify())];
  const taken = takenOf(http, running.acceptedStatus);
  const takenHot = flooded === undefined ? 0 : takenOf(flooded, running.acceptedStatus);
  if (flooded !== undefined) problems.push(...unexpected(flooded, running.acceptedStatus));
  const stored = after.accepted + after.rejected - before.accepted - before.rejected;
  if (stored !== taken + takenHot)
    problems.push(`${taken} orders of neighbours and ${takenHot} of the hot product were taken, and ${stored} stored.`);
  if (decided === undefined) throw new Error("Tallyman tells when it decided.");
  const { statuses } = http;
  return {
    ...noSample,
    value: decided.sinceDue.p99,
    orders: taken,
    details: {
      "p50 ms": decided.sinceDue.p50,
      "HTTP p50 ms": http.p50,
      "HTTP p99 ms": http.p99,
      refused: (statuses["503"] ?? 0) + (statuses["429"] ?? 0),
      ...(flooded !== undefined && {
        "hot orders/s": takenHot / ((flooded.endedAt - flooded.startedAt) / 1000),
        "hot refused": flooded.statuses["503"] ?? 0,
      }),
    },
    problems,
  };
}

/** Products that share the partition of this one. */
export function neighboursOf(productId: string, count: number): string[] {
  const own = partitionOf(productId, partitions);
  const ids: string[] = [];
  for (let n = 0; ids.length < count; n += 1) {
    const id = `neighbour-${n}`;
    if (partitionOf(id, partitions) === own) ids.push(id);
  }
  return ids;
}
