// The only processor dies, with a log behind it that is short or long, and another one takes over all of its partitions.
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { tallyman } from "../contenders/tallyman/tallyman.ts";
import { appendBacklog } from "../support/backlog.ts";
import { createInstallation } from "../support/installation.ts";
import { audit, untilProgress } from "../support/ledger.ts";
import { whole } from "../support/numbers.ts";
import { type Context, type Measured, type Row, type Work, noSample } from "./work.ts";

const rowKey = (records: number): string => `take-over-${records}`;
const atMostMs = 1_000;
/** A twelfth of it is behind on each partition when the new owner comes. */
const ordersBehind = 240;
const pollMs = 2;
/** Longer than a session: the group gives a dead member's partitions away only then. */
const limitMs = 30_000;

export const takeOver: Work = {
  key: "take-over",
  title: "Take-over of all partitions",
  rows: ({ takeOverRecords }) =>
    takeOverRecords.map((records, index): Row => {
      const [shortest = records] = takeOverRecords;
      return {
        key: rowKey(records),
        title: `a log of ${whole(records)} records`,
        unit: "ms",
        ratios: index === 0 ? [] : [{ contender: tallyman.key, rows: [rowKey(shortest)], atMost: 1.2 }],
        atMost: atMostMs,
      };
    }),
  cases: (context) =>
    context.contenders.includes(tallyman)
      ? context.scale.takeOverRecords.map((records) => {
          return { title: `take-over, ${whole(records)} records`, run: () => measure(context, records) };
        })
      : [],
};

async function measure({ bench, scale }: Context, wanted: number): Promise<Measured[]> {
  const { progress, signal } = bench;
  const productCount = scale.products;
  await using installation = await createInstallation(bench);
  const { database } = installation;
  const orders = Math.max(0, wanted - productCount);
  const long = { productCount, orderCount: orders, resentPercent: 0 };
  const { records } = await progress.step(`${whole(wanted)} records on a fresh topic`, () =>
    appendBacklog(installation, long, signal),
  );
  const decided = (commands: number, every: number) =>
    untilProgress(database, (told) => told.decided >= commands, { pollMs: every, limitMs, signal });
  const first = await installation.start("processor");
  await decided(records, 20);
  await installation.end(first, "SIGKILL");
  // A delivery for each product and some orders: something for every partition.
  const behind = await appendBacklog(installation, { ...long, orderCount: ordersBehind }, signal);
  const [, endedAt] = await Promise.all([
    installation.start("processor"),
    decided(records + behind.records, pollMs).then(() => Date.now()),
  ]);
  const { rows } = await database.query<{ from: number; to: number; claimed: number }>(
    `select (extract(epoch from min(claimed_at)) * 1000)::float8 as "from",
            (extract(epoch from max(claimed_at)) * 1000)::float8 as "to", count(*)::int4 as claimed
     from partitions where epoch > 1`,
  );
  const { from = 0, to = 0, claimed = 0 } = rows[0] ?? {};
  const busy = new Set(Array.from({ length: productCount }, (_, n) => partitionOf(`product-${n}`, claimed)));
  const problems = await audit(database, orders + ordersBehind);
  if (claimed === 0 || busy.size < claimed)
    problems.push(`Only ${busy.size} of ${claimed} partitions had anything to decide.`);
  const details = { "claims ms": to - from, partitions: claimed };
  const sample = { ...noSample, value: endedAt - from, details, problems };
  return [{ row: rowKey(wanted), contender: tallyman.key, title: tallyman.title, sample }];
}
