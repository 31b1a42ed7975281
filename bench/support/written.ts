// Bytes that the services wrote: PostgreSQL's write-ahead log, and the segments of Kafka's topics.
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import type { Client } from "pg";
import type { Bench } from "./bench.ts";

/** Bytes by what was written to; what can't be told is missing. */
export type Written = Readonly<Record<string, number>>;

/** As it stands now. Other databases of the same server count too: they rest while one is measured. */
export async function readWritten({ profile, services }: Bench, database: Client): Promise<Written> {
  const { rows } = await database.query<{ bytes: number }>(
    "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as bytes",
  );
  return {
    ...(rows[0] !== undefined && { WAL: rows[0].bytes }),
    ...(services.pids.kafka !== undefined && { "Kafka log": segmentBytes(path.join(profile.data, "kafka")) }),
  };
}

export function writtenBetween(before: Written, after: Written): Written {
  return Object.fromEntries(
    Object.entries(after).flatMap(([name, bytes]) => {
      const from = before[name];
      return from === undefined ? [] : [[name, bytes - from]];
    }),
  );
}

/** Of all topics but Kafka's own, and but those that an earlier measurement has deleted; a folder is a partition. */
function segmentBytes(folder: string): number {
  const partitions = readdirSync(folder, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith("__") && !entry.name.endsWith("-delete"),
  );
  return partitions
    .flatMap(({ name }) => segmentsOf(path.join(folder, name)))
    .reduce((sum, file) => sum + sizeOf(file), 0);
}

function segmentsOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".log"))
      .map((name) => path.join(folder, name));
  } catch {
    return []; // A topic that is being deleted.
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
