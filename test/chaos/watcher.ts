/**
 * Looks at PostgreSQL all the time, by a connection that goes through no link: what was committed once must be there in the
 * end (C3). Between its looks it may miss something; what it saw, it keeps.
 *
 * I1 A look is of one moment: progress and lines are read in one repeatable read transaction.
 */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Line, Progress, SeenLine } from "./auditor/evidence.ts";

export type Watcher = {
  readonly seenLines: readonly SeenLine[];
  readonly seenProgress: readonly (readonly Progress[])[];
  /** The last look, however old. */
  latest(): readonly Progress[];
  stop(): Promise<void>;
};

const lookMs = 300;
const answerLimitMs = 2_000;

const progressSql = `select partition, epoch::float8 as epoch, next_offset::float8 as next_offset,
  effects_offset::float8 as effects_offset from partitions order by partition`;
const seenSql = `select l.command_id, l.status, l.reason, l.delta, l.stock_after, l.version::float8 as version, l.revision,
    l.unit_price_cents
  from ledger l join unnest($1::int[], $2::bigint[]) as g(partition, seen) on l.partition = g.partition and l.offset >= g.seen`;

export const linesSql = `select command_id, type, product_id, order_id, reference, actor, quantity, as_of_version::float8 as as_of_version,
    status, reason, delta, stock_after, version::float8 as version, revision, fulfilment, "partition", "offset"::float8 as offset,
    unit_price_cents, (extract(epoch from decided_at) * 1000)::float8 as decided_at from ledger`;

export const readProgress = async (client: pg.Client): Promise<Progress[]> =>
  (await client.query<Progress>(progressSql)).rows;
export const readLines = async (client: pg.Client): Promise<Line[]> => (await client.query<Line>(linesSql)).rows;

export function startWatcher(databaseUrl: string): Watcher {
  const seenLines: SeenLine[] = [];
  const seenProgress: Progress[][] = [];
  const over = new AbortController();
  const isOver = (): boolean => over.signal.aborted;
  let latest: readonly Progress[] = [];

  const look = async (client: pg.Client): Promise<void> => {
    await client.query("begin isolation level repeatable read read only"); // I1
    const progress = await readProgress(client);
    const from = new Map(latest.map(({ partition, next_offset }) => [partition, next_offset]));
    const moved = progress.filter(({ partition, next_offset }) => next_offset !== (from.get(partition) ?? 0));
    const lines =
      moved.length === 0
        ? []
        : (
            await client.query<SeenLine>(seenSql, [
              moved.map(({ partition }) => partition),
              moved.map(({ partition }) => from.get(partition) ?? 0),
            ])
          ).rows;
    await client.query("commit");
    seenLines.push(...lines);
    if (JSON.stringify(progress) !== JSON.stringify(latest)) seenProgress.push(progress);
    latest = progress;
  };

  const watch = async (): Promise<void> => {
    while (!isOver()) {
      const client = new pg.Client({
        connectionString: databaseUrl,
        connectionTimeoutMillis: answerLimitMs,
        query_timeout: answerLimitMs,
      });
      client.on("error", () => undefined);
      try {
        await client.connect();
        do {
          await look(client);
          await sleep(lookMs);
        } while (!isOver());
      } catch {
        await sleep(lookMs); // PostgreSQL is away: that is a fault of the run, or C7 finds it.
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  };
  const watching = watch();

  return {
    seenLines,
    seenProgress,
    latest: () => latest,
    stop: async () => {
      over.abort();
      await watching;
    },
  };
}
