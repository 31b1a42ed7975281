/**
 * The process: `node src/main.ts api|processor|worker`, one role or several. Exit codes: 0 stopped as asked; 1 a fault; 2 the command
 * line or the environment is wrong; 3 a service is not fit (schema, topic or database), with what to mend on stderr.
 */
import { setFlagsFromString } from "node:v8";
import { pino } from "pino";
import type { Logger } from "pino";
import { startApi } from "./api-role.ts";
import { ConfigInvalid, readConfig } from "./config.ts";
import { limits } from "./limits.ts";
import { TopicMisconfigured } from "./log/kafka/topic.ts";
import { startProcessor } from "./processor-role.ts";
import { within } from "./role.ts";
import type { RunningRole } from "./role.ts";
import { SchemaIdTaken, SchemaIncompatible } from "./schemas/schema-source.ts";
import { ServiceAway } from "./service-away.ts";
import { DatabaseUnfit } from "./stores/postgres/migrate.ts";
import { startWorker } from "./worker-role.ts";

// The heap grows by a third between collections instead of doubling: all roles make much garbage and keep little (docs/decisions/064).
setFlagsFromString("--heap-growing-percent=30");

const roles = { api: startApi, processor: startProcessor, worker: startWorker };
type RoleName = keyof typeof roles;

function isRole(name: string): name is RoleName {
  return Object.hasOwn(roles, name);
}

async function main(names: readonly string[]): Promise<void> {
  const wanted = names.filter(isRole);
  if (wanted.length === 0 || wanted.length !== names.length) {
    process.stderr.write(`usage: node src/main.ts ${Object.keys(roles).join("|")} ...\n`);
    process.exit(2);
  }
  const config = readConfig();
  const log = pino({ level: config.logLevel, base: { role: wanted.join("+"), instance: config.instanceId } });
  process.on("uncaughtException", (err) => fail(log, err));
  process.on("unhandledRejection", (err) => fail(log, err));

  const running = new Map<RoleName, RunningRole>();
  let stopping = false;
  const stop = async (why: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info({ why }, "stopping");
    setTimeout(() => {
      log.warn({}, "something hangs, and the process ends without it; what is not committed stays in the log");
      process.exit(0);
    }, limits.stopMs);
    // The api goes first: it finishes what it accepted while there is still somebody to decide it. A request that never
    // ends must not cost the processor the time in which it leaves its group. The worker waits for neither.
    const worker = running.get("worker")?.stop();
    const processor = running.get("processor");
    const apiMs = processor === undefined ? limits.stopMs : limits.stopTurnMs;
    await within(apiMs, running.get("api")?.stop() ?? Promise.resolve());
    await within(limits.stopMs, Promise.all([processor?.stop(), worker]));
    log.info({}, "stopped");
    process.exit(0);
  };
  process.on("SIGTERM", () => void stop("SIGTERM"));
  process.on("SIGINT", () => void stop("SIGINT"));
  // Started as a child: a parent that vanished leaves nobody to send a signal.
  if (process.channel !== undefined) {
    process.on("disconnect", () => void stop("the parent is gone"));
    process.channel.unref();
  }
  for (const name of wanted.toSorted()) running.set(name, await roles[name](config, log));
}

function fail(log: Logger, err: unknown): never {
  log.fatal({ err }, "a fault that nobody handles; the process ends, and what is not committed stays in the log");
  process.exit(1);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const isExplained = error instanceof ConfigInvalid || error instanceof ServiceAway;
  const unfit =
    error instanceof TopicMisconfigured ||
    error instanceof SchemaIncompatible ||
    error instanceof SchemaIdTaken ||
    error instanceof DatabaseUnfit;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`Tallyman can't start: ${message}\n`);
  if (!isExplained && !unfit && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
  process.exit(error instanceof ConfigInvalid ? 2 : unfit ? 3 : 1);
});
