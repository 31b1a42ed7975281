/**
 * The processes of a run, each with links of its own to the services, and what may be done to them.
 *
 * Who owns what: the fleet owns its processes, links and ports; a member that ends by itself is started again by it, so that a
 * run goes on, and its end is kept for the auditor.
 *
 * I1 A member has one process at most: it is started when the one before has ended.
 * I2 A member whose end was not asked for by the run is an ending `itself`, whatever else goes on.
 */
import { execFile } from "node:child_process";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Addresses } from "../../local/addresses.ts";
import { anyFree } from "../../local/ports.ts";
import { openLink } from "../support/link.ts";
import type { Link } from "../support/link.ts";
import { launchRole } from "../support/role-process.ts";
import type { Role } from "../support/role-process.ts";
import { silence } from "../support/silence.ts";
import type { Guard } from "../support/silence.ts";
import type { Tallyman } from "../support/tallyman.ts";
import type { Ending, MemoryLife } from "./auditor/evidence.ts";
import { now } from "./clock.ts";
import type { LinkedService } from "./fault-kinds.ts";
import { members } from "./schedule.ts";
import type { MemberName } from "./schedule.ts";

export type Member = {
  readonly name: MemberName;
  readonly url: string;
  readonly links: Readonly<Record<LinkedService, Link>>;
  /** Starts it if it does not run, and does not wait until it is ready. */
  start(): void;
  kill(): Promise<void>;
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Asks it to stop, and waits until it has, or for longer than it may take; then it is killed. */
  stop(): Promise<void>;
  isReady(): boolean;
};

export type Fleet = AsyncDisposable & {
  readonly members: Readonly<Record<MemberName, Member>>;
  readonly endings: readonly Ending[];
  readonly memory: readonly MemoryLife[];
  /** Resolves when all are ready; rejects after `limitMs`. */
  untilReady(limitMs: number): Promise<void>;
};

const stopLimitMs = 15_000;
const readyPollMs = 200;
const memorySampleMs = 2_000;

export type FleetOptions = {
  readonly tallyman: Tallyman;
  readonly addresses: Addresses;
  readonly logs: string;
  /** The program, where it is not this checkout's. */
  readonly main?: string;
};

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const endings: Ending[] = [];
  const memory: (MemoryLife & { samples: { at: number; bytes: number }[]; pid: number })[] = [];
  const over = new AbortController();
  const started = await Promise.all(members.map((name) => createMember(name, options, over.signal, endings, memory)));
  const all = Object.fromEntries(started.map((member) => [member.name, member])) as Record<MemberName, Member>;

  const sampling = setInterval(() => void sample(memory).catch(() => undefined), memorySampleMs);
  return {
    members: all,
    endings,
    memory,
    untilReady: async (limitMs) => {
      const deadline = performance.now() + limitMs;
      while (!started.every((member) => member.isReady())) {
        const missing = started.filter((member) => !member.isReady()).map(({ name }) => name);
        if (performance.now() > deadline) throw new Error(`not ready after ${limitMs} ms: ${missing.join(", ")}`);
        await sleep(readyPollMs);
      }
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(sampling);
      over.abort();
      await Promise.all(started.map((member) => member.kill()));
      await Promise.all(
        started.flatMap(({ links }) => Object.values(links).map((link) => link[Symbol.asyncDispose]())),
      );
    },
  };
}

async function createMember(
  name: MemberName,
  { tallyman, addresses, logs, main }: FleetOptions,
  over: AbortSignal,
  endings: Ending[],
  memory: (MemoryLife & { pid: number })[],
): Promise<Member> {
  const role = name.startsWith("api") ? "api" : "processor";
  // Below those that outgoing connections get: it must be free again after each end.
  const port = await anyFree(0, name);
  const url = `http://127.0.0.1:${port}`;
  const [database, redis] = [new URL(tallyman.databaseUrl), new URL(tallyman.redisUrl)];
  const [kafkaHost = "", kafkaPort] = addresses.kafkaBrokers.split(":");
  const links = {
    kafka: await openLink({ to: { host: kafkaHost, port: Number(kafkaPort) }, speaks: "kafka" }),
    postgres: await openLink({ to: { host: database.hostname, port: Number(database.port) } }),
    redis: await openLink({ to: { host: redis.hostname, port: Number(redis.port) } }),
  };
  database.port = String(links.postgres.port);
  redis.port = String(links.redis.port);
  const env = {
    ...tallyman.environment,
    KAFKA_BROKERS: `127.0.0.1:${links.kafka.port}`,
    DATABASE_URL: database.href,
    REDIS_URL: redis.href,
    INSTANCE_ID: name,
    [role === "api" ? "PORT" : "PROCESSOR_PORT"]: String(port),
  };
  let life: { role: Role; ready: boolean; by: Ending["by"]; ended: Promise<void> } | undefined;
  let guard: Guard | undefined;
  let lives = 0;

  const start = (): void => {
    if (life !== undefined || over.aborted) return; // I1
    lives += 1;
    const logFile = path.join(logs, `${name}-${lives}.log`);
    const launched = launchRole({ roles: [role], env, url, logFile, ...(main !== undefined && { main }) });
    const bornAt = now();
    memory.push({ member: name, bornAt, samples: [], pid: launched.pid });
    const current = { role: launched, ready: false, by: "itself" as Ending["by"], ended: Promise.resolve() };
    current.ended = launched.exited.then(() => {
      life = undefined;
      if (over.aborted) return;
      const how = String(launched.exitCode());
      const [by, wasReady, errors] = [current.by, current.ready, launched.errors().trim()];
      endings.push({ member: name, bornAt, endedAt: now(), how, by, wasReady, errors }); // I2
      if (by === "itself") start();
    });
    life = current;
    void (async () => {
      while (launched.exitCode() === null && !current.ready && !over.aborted) {
        const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
        // Another process can't answer here: the port is this member's own.
        if (answer?.ok === true) current.ready = true;
        else await sleep(readyPollMs);
      }
    })();
  };
  const end = async (by: "killed" | "asked"): Promise<void> => {
    const current = life;
    if (current === undefined) return;
    current.by = by;
    current.role.signal(by === "killed" ? "SIGKILL" : "SIGTERM");
    if (by === "asked") {
      const late = sleep(stopLimitMs, "late", { ref: false });
      // Its ending then says SIGKILL, which is not what was asked for.
      if ((await Promise.race([current.ended, late])) === "late") current.role.signal("SIGKILL");
    }
    await current.ended;
  };
  const thaw = async (): Promise<void> => {
    const waking = guard;
    guard = undefined;
    await waking?.wake();
  };
  start();
  return {
    name,
    url,
    links,
    start,
    kill: async () => {
      await end("killed");
      await thaw();
    },
    freeze: async () => {
      if (life !== undefined && guard === undefined) guard = await silence(life.role.pid);
    },
    thaw,
    stop: () => end("asked"),
    isReady: () => life?.ready === true,
  };
}

/** By `ps`, which every system has; what has ended in between has no more samples. */
async function sample(
  memory: readonly (MemoryLife & { samples: { at: number; bytes: number }[]; pid: number })[],
): Promise<void> {
  const { stdout } = await promisify(execFile)("ps", ["-eo", "pid=,rss="]);
  const at = now();
  const kibibytes = new Map(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/).map(Number))
      .map(([pid = 0, rss = 0]) => [pid, rss]),
  );
  // The last life of each member; the process ids of earlier ones may be somebody else's by now.
  const last = new Map(memory.map((life) => [life.member, life]));
  for (const life of last.values()) {
    const rss = kibibytes.get(life.pid) ?? 0;
    if (rss > 0) life.samples.push({ at, bytes: rss * 1024 });
  }
}
