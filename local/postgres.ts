import path from "node:path";
import { Client } from "pg";
import { stopRanks } from "./custody.ts";
import { preparePostgres, superuser } from "./postgres-files.ts";
import type { ChoosePort } from "./ports.ts";
import { type Service, type StartContext, launch, untilReady } from "./supervise.ts";

// After a kill it first replays its log.
const readyLimitMs = 120_000;
const host = "127.0.0.1";

export type Postgres = {
  service: Service;
  /** host:port */
  address: string;
  folder: string;
  /** The address of a database, made if it isn't there. */
  database(name: "registry" | "tallyman"): Promise<string>;
};

/** Starts PostgreSQL 18; resolves when it answers. */
export async function startPostgres(choosePort: ChoosePort, context: StartContext): Promise<Postgres> {
  const files = await preparePostgres(context.profile, context.signal);
  const port = await choosePort(5432, "PostgreSQL");
  const service = launch(
    {
      name: "postgres",
      command: path.join(files.binaries, "postgres"),
      args: [
        "-D",
        files.data,
        ...Object.entries(settings(port)).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      cwd: files.data,
      // SIGINT is the fast shutdown: it ends the sessions instead of waiting for them, and leaves nothing to recover.
      stop: { rank: stopRanks.database, signal: "SIGINT", limitMs: 30_000 },
      ...(files.user && { user: files.user }),
    },
    context,
  );
  const url = (name: string): string => `postgresql://${superuser}:${files.password}@${host}:${String(port)}/${name}`;
  await untilReady(service, () => query(url("postgres"), "select 1").then(() => undefined), readyLimitMs, context);
  return {
    service,
    address: `${host}:${String(port)}`,
    folder: files.data,
    async database(name) {
      const found = await query(url("postgres"), "select 1 from pg_database where datname = $1", [name]);
      if (found === 0) await query(url("postgres"), `create database ${name}`);
      return url(name);
    },
  };
}

function settings(port: number): Record<string, string> {
  return {
    port: String(port),
    listen_addresses: host,
    // Sockets would need a folder with a short name that every user of this machine can't write; nobody uses them.
    unix_socket_directories: "",
    timezone: "UTC",
    log_timezone: "UTC",
    max_connections: "100",
    // An accepted order is on the disk, here as in production.
    fsync: "on",
    synchronous_commit: "on",
    shared_buffers: "256MB",
    max_wal_size: "2GB",
    checkpoint_completion_target: "0.9",
    // wal_compression stays off: this build has no lz4, and pglz costs more time than it saves on a local disk.
    jit: "off",
  };
}

/** Runs one statement on a connection of its own; resolves to the number of rows. */
async function query(url: string, text: string, values: string[] = []): Promise<number> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return (await client.query(text, values)).rowCount ?? 0;
  } finally {
    await client.end();
  }
}
