/** `tallyman audit`: wires the audit and prints what it found. */
import { initialStockId } from "../api/command-ids.ts";
import { audit } from "../audit/audit.ts";
import type { AuditDeps, AuditReport } from "../audit/audit.ts";
import { differenceKinds } from "../audit/findings.ts";
import type { Difference } from "../audit/findings.ts";
import { limits } from "../limits.ts";
import { createKafkaInspector } from "../log/kafka/inspector.ts";
import { createKafkaLogReader } from "../log/kafka/log-reader.ts";
import { LogUnavailable } from "../log/log.ts";
import { createCommandCodec } from "../schemas/codec.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import { createRegistrySource } from "../schemas/registry.ts";
import { createPostgresAuditStore } from "../stores/postgres/audit-store.ts";
import { createRedisAuditCache } from "../stores/redis/audit-cache.ts";
import { connectRedis, redisReady } from "../stores/redis/connection.ts";
import { wholeNumber } from "./command-line.ts";
import type { CommandLine, Invocation } from "./command-line.ts";
import { databasePool, kafkaConnection } from "./connections.ts";
import { exitCodes } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";

type AuditFlags = { readonly limit: number; readonly atRest?: boolean };

const kindsHelp = Object.entries(differenceKinds)
  .map(([kind, says]) => `  ${kind.padEnd(4)} ${says}`)
  .join("\n");

export function registerAudit({ program, runs }: CommandLine): void {
  program
    .command("audit")
    .summary("compare the log, PostgreSQL and Redis with each other")
    .description(
      "Folds the log and the ledger again and compares the result with what PostgreSQL and Redis have. Writes nothing; may " +
        "run beside a running system. Exit code 0: no differences; 1: differences, each a line.",
    )
    .option("--at-rest", "nothing is being written: also what is not decided or told yet is a difference")
    .option(
      "--limit <count>",
      "differences to show; the others are counted",
      wholeNumber(0, limits.auditDifferencesMax),
      limits.auditDifferencesShown,
    )
    .addHelpText("after", `\nWhat holds, by the number that a difference is told under:\n${kindsHelp}`)
    .action(runs(runAudit));
}

async function runAudit(invocation: Invocation, { limit, atRest = false }: AuditFlags): Promise<ExitCode> {
  const { json, signal, print } = invocation;
  const { deps, close } = await connectAudit(invocation);
  let report: AuditReport;
  try {
    report = await audit(deps, { atRest, shownMax: limit, signal });
  } finally {
    await close();
  }
  if (json) print(JSON.stringify(documentOf(report)));
  else for (const line of linesOf(report)) print(line);
  return report.findings.total === 0 ? exitCodes.fine : exitCodes.failed;
}

export type ConnectedAudit = { readonly deps: AuditDeps; readonly close: () => Promise<void> };

/** Rejects when the log is away or has no such topic; the others are asked when they are needed. */
export async function connectAudit({ config, log }: Pick<Invocation, "config" | "log">): Promise<ConnectedAudit> {
  const topic = config.ordersTopic;
  const connection = kafkaConnection({ config }, "audit");
  const inspector = createKafkaInspector({ connection, topic, logger: log });
  // Before anything else is opened: a log that is away, or not there, is told at once.
  const ends = await inspector.ends().catch(async (error: unknown) => {
    await inspector.close();
    throw error;
  });
  if (ends.size === 0) throw new LogUnavailable(`there is no topic ${topic}`);
  const pool = databasePool({ config, log }, "audit");
  const store = createPostgresAuditStore(pool);
  const redis = connectRedis(config.redisUrl, {
    name: `tallyman-audit-${config.instanceId}`,
    deadlineMs: limits.effectsDeadlineMs,
    onError: (err) => log.debug({ err }, "Redis is away"),
  });
  await redisReady(redis, limits.effectsDeadlineMs);
  const cache = createRedisAuditCache(redis);
  const reader = createKafkaLogReader({ connection, topic, logger: log });
  const codec = await createReadingCodec(config.schemaRegistryUrl);
  return {
    deps: { store, cache, inspector, reader, codec, initialStockId },
    close: async () => {
      cache.close();
      await Promise.allSettled([reader.close(), inspector.close(), store.close()]);
    },
  };
}

/** A codec that registers nothing: it asks for every schema by its id. Ids on the log have 32 bits, so these are nobody's. */
function createReadingCodec(url: string): Promise<CommandCodec> {
  const source = createRegistrySource({ url });
  let id = 2 ** 40;
  return createCommandCodec({ ...source, register: () => Promise.resolve((id += 1)) });
}

const placeNames = {
  partition: "partition",
  offset: "offset",
  commandId: "command",
  productId: "product",
  key: "Redis",
};

function lineOf({ kind, at, says }: Difference): string {
  const place = Object.entries(placeNames).flatMap(([field, name]) =>
    field in at ? `${name} ${at[field] ?? ""}` : [],
  );
  return `${kind} ${place.join(", ")}: ${says}`;
}

function* linesOf({ findings, log, cache, products, undecided, untold }: AuditReport): Generator<string> {
  const { differences, total, counts } = findings;
  yield* differences.map(lineOf);
  if (total > differences.length) yield `and ${total - differences.length} more`;
  yield total === 0
    ? "No differences."
    : `${total} differences: ${[...counts].map(([kind, count]) => `${count} of ${kind}`).join(", ")}.`;
  yield (
    `Compared: ${log.records} records (${log.repeats} of them repeats), ${log.lines} lines, ${log.kept} dead letters, ` +
    `${products} products; in Redis ${cache.products} products, ${cache.orders} orders (${cache.marks} of them pending).`
  );
  if (log.trimmed > 0) yield `The log does not have the records of ${log.trimmed} rows any more: it was trimmed.`;
  if (undecided + untold > 0)
    yield `Lag: ${undecided} offsets are not decided yet, ${untold} are not told to Redis yet.`;
}

function documentOf({ findings, ...rest }: AuditReport) {
  const { differences, total, counts } = findings;
  return { differences, more: total - differences.length, counts: Object.fromEntries(counts), ...rest };
}
