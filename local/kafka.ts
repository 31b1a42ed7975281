import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { Kafka, logLevel } from "kafkajs";
import { stopRanks } from "./custody.ts";
import { writeWhole } from "./files.ts";
import { javaFolder } from "./paths.ts";
import type { ChoosePort } from "./ports.ts";
import { type Service, type StartContext, launch, untilReady } from "./supervise.ts";

const readyLimitMs = 60_000;
const host = "127.0.0.1";

/** Starts one Kafka node (KRaft: broker and controller in one process); resolves when it answers, with the brokers' addresses. */
export async function startKafka(
  java: string,
  choosePort: ChoosePort,
  context: StartContext,
): Promise<{ service: Service; brokers: string }> {
  const port = await choosePort(9092, "Kafka");
  const controllerPort = await choosePort(9093, "Kafka's controller");
  const data = path.join(context.profile.data, "kafka");
  const settingsFile = path.join(context.profile.folder, "kafka.properties");
  mkdirSync(data, { recursive: true });
  writeWhole(settingsFile, settings(port, controllerPort, data));
  const classPath = ["-cp", path.join(javaFolder, "kafka", "*"), "-Dorg.slf4j.simpleLogger.showDateTime=true"];
  if (!existsSync(path.join(data, "meta.properties"))) {
    const format = [
      "kafka.tools.StorageTool",
      "format",
      "--ignore-formatted",
      // In one word: one id in 64 begins with a hyphen, and would be read as an option.
      `--cluster-id=${randomBytes(16).toString("base64url")}`,
      "-c",
      settingsFile,
    ];
    await promisify(execFile)(java, [...smallJvm, ...classPath, ...format], {
      timeout: 30_000,
      signal: context.signal,
    });
  }
  // It is up with half the processor time; a broker that gets busy is better off with its own choice.
  const quick = context.brief === true ? ["-XX:TieredStopAtLevel=1"] : [];
  const service = launch(
    {
      name: "kafka",
      command: java,
      args: ["-Xms256m", "-Xmx512m", ...quick, ...classPath, "kafka.Kafka", settingsFile],
      cwd: context.profile.folder,
      stop: { rank: stopRanks.service, signal: "SIGTERM", limitMs: 15_000 },
    },
    context,
  );
  const brokers = `${host}:${String(port)}`;
  await untilReady(service, () => describeCluster(brokers), readyLimitMs, context);
  return { service, brokers };
}

/** Flags for a JVM that lives for a second. */
export const smallJvm = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

function settings(port: number, controllerPort: number, data: string): string {
  return Object.entries({
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@${host}:${String(controllerPort)}`,
    listeners: `PLAINTEXT://${host}:${String(port)},CONTROLLER://${host}:${String(controllerPort)}`,
    "advertised.listeners": `PLAINTEXT://${host}:${String(port)}`,
    "controller.listener.names": "CONTROLLER",
    "log.dirs": data,
    // A topic comes from our set-up with the settings that the design needs, never from a typing error.
    "auto.create.topics.enable": false,
    "default.replication.factor": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 8,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 4,
    // One more processor should own its partitions at once, those of one that died should have another one soon (processors
    // ask for sessions of 3 s, and Kafka's own least is 6 s), and tests set shorter ones.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
  })
    .map(([name, value]) => `${name}=${String(value)}\n`)
    .join("");
}

async function describeCluster(brokers: string): Promise<void> {
  const kafka = new Kafka({
    brokers: [brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    requestTimeout: 2000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    if (cluster.brokers.length === 0) throw new Error("no broker is registered yet");
  } finally {
    await admin.disconnect();
  }
}
