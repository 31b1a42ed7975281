// Peer (d): Kafka Streams with exactly_once_v2 works off the same backlog into a persistent store and a topic. It writes no database.
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { buildMavenProject } from "../../../local/maven-project.ts";
import { readConfig } from "../../../src/config.ts";
import type { Contender, DrainBacklog, Drained } from "../../contenders/contender.ts";
import { appendBacklog } from "../../support/backlog.ts";
import type { Bench } from "../../support/bench.ts";
import { pidsOf, readCpu, spent } from "../../support/cpu.ts";
import { createInstallation } from "../../support/installation.ts";
import { sampleMemory } from "../../support/memory.ts";
import { cleanUp } from "../../support/own-database.ts";
import { startOwnProcess } from "../../support/own-process.ts";
import { createOwnTopic, deleteGroup, watchCommitted } from "./committed.ts";

const verifyLimitMs = 5 * 60_000;

export const kafkaStreams: Contender = {
  key: "d",
  title: "(d) Kafka Streams",
  onlyWithAll: true,
  drains: [{ key: "d", title: "(d) Kafka Streams, no database", run: drain }],
};

async function drain(bench: Bench, backlog: DrainBacklog): Promise<Drained> {
  const { progress, services, profile, signal } = bench;
  const { java, classPath } = await progress.step("Kafka Streams, as Maven builds it once", () =>
    buildMavenProject(import.meta.dirname, "kafka-streams", signal),
  );
  // Nothing of this Tallyman is started: it makes the topic, the schemas and the backlog, which are the same for all.
  await using installation = await createInstallation(bench);
  const { records: total } = await appendBacklog(installation, backlog, signal);

  await using stack = new AsyncDisposableStack();
  const brokers = services.kafkaBrokers;
  // What begins with the installation's name and a dot is deleted with it.
  const [decisions, group] = [`${installation.name}.decided`, `${installation.name}.streams`];
  const { ordersPartitions } = readConfig({ ...installation.environment, INSTANCE_ID: "bench" });
  await createOwnTopic(brokers, decisions, ordersPartitions);
  const state = path.join(profile.folder, `${installation.name}-streams`);
  cleanUp(stack, "remove the state of Kafka Streams", () => {
    rmSync(state, { recursive: true, force: true });
    return Promise.resolve();
  });
  cleanUp(stack, `delete the group ${group}`, () => deleteGroup(brokers, group));
  const committed = stack.use(await watchCommitted(brokers, group, installation.name, signal));

  const main = [
    "tallyman.bench.StockStreams",
    brokers,
    services.schemaRegistryUrl,
    installation.name,
    decisions,
    group,
    state,
  ];
  const streams = startOwnProcess(bench, stack, {
    name: "kafka-streams",
    run: { command: java, args: ["-Xmx512m", "-cp", classPath, ...main] },
    cwd: profile.folder,
    environment: {},
    rank: 0,
  });
  const first = await committed.until(1);
  const pids = pidsOf({ "kafka-streams": streams.pid, ...services.pids });
  const cpuFrom = readCpu(pids);
  const memory = sampleMemory({ "kafka-streams": streams.pid });
  const last = await committed.until(total);
  const cpu = spent(cpuFrom, readCpu(pids));
  const looks = memory.stop();

  const ms = last.at - first.at;
  const commands = last.records - first.records;
  const verify = ["-Xmx1g", "-cp", classPath, "tallyman.bench.Verify", brokers, decisions];
  const { stdout } = await promisify(execFile)(java, verify, { timeout: verifyLimitMs, signal });
  const problems = wrongIn(JSON.parse(stdout) as Verified, total, backlog);
  const { orderCount, productCount } = backlog;
  return {
    ordersPerSecond: ((commands * (orderCount + productCount)) / total / Math.max(1, ms)) * 1000,
    commands,
    writtenCommands: total,
    ms,
    firstLookShare: first.records / total,
    cpu,
    memory: looks,
    written: {},
    limits: {},
    details: {},
    problems,
  };
}

/** What Verify.java prints. `wrong` are products whose stock does not follow from their decisions. */
type Verified = { readonly decisions: number; readonly accepted: number; readonly wrong: number };

/** It has no memory of ids, as its docs have none: an order that lies on the log twice is decided twice. */
function wrongIn({ decisions, accepted, wrong }: Verified, total: number, backlog: DrainBacklog): string[] {
  const problems: [boolean, string][] = [
    [decisions !== total, `There are ${decisions} decisions of ${total} commands.`],
    [
      backlog.resentPercent === 0 && accepted !== total,
      `${total - accepted} were refused, and there was enough of all.`,
    ],
    [wrong > 0, `The stock of ${wrong} products does not follow from what was decided.`],
  ];
  return problems.filter(([holds]) => holds).map(([, problem]) => problem);
}
