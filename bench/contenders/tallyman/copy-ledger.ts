// What PostgreSQL can do with the same rows when nothing decides them: COPY into an empty table with the same columns and indexes.
import { createReadStream, createWriteStream, rmSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import type { Client } from "pg";
import { from, to } from "pg-copy-streams";
import type { Bench } from "../../support/bench.ts";

/** Rows a second, from a file that was made before, through a client, until the commit. */
export async function copyLedger({ profile, signal }: Bench, database: Client): Promise<number> {
  const file = path.join(profile.data, "ledger.copy");
  try {
    await pipeline(database.query(to("copy ledger to stdout (format binary)")), createWriteStream(file), { signal });
    await database.query("create table copied (like ledger including all)");
    await database.query("checkpoint");
    const startedAt = performance.now();
    await pipeline(
      createReadStream(file, { highWaterMark: 1 << 20 }),
      database.query(from("copy copied from stdin (format binary)")),
      {
        signal,
      },
    );
    const tookMs = performance.now() - startedAt;
    const { rows } = await database.query<{ count: number }>("select count(*)::int4 as count from copied");
    return ((rows[0]?.count ?? 0) / tookMs) * 1000;
  } finally {
    rmSync(file, { force: true });
  }
}
