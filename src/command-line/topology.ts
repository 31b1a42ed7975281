/** `tallyman topology`: who has which partition, and how far it is. */
import { limits } from "../limits.ts";
import { readGroupMembers } from "../log/kafka/group-members.ts";
import { readRecordTimes } from "../log/kafka/record-times.ts";
import { LogUnavailable } from "../log/log.ts";
import { createPostgresTopologyStore } from "../stores/postgres/topology-store.ts";
import type { PartitionRow } from "../stores/topology-store.ts";
import type { CommandLine, Invocation } from "./command-line.ts";
import { databasePool, kafkaConnection, topicEnds } from "./connections.ts";
import { exitCodes, lineOf } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { oldestUndecided, topologyLines, topologyRows } from "./topology-rows.ts";

export function registerTopology({ program, runs }: CommandLine): void {
  program
    .command("topology")
    .summary("who has which partition, and how far it is")
    .description(
      "Shows of each partition its instance, epoch and state, the next offset to be decided, how many records are not decided and how " +
        "old the oldest of them is, its last decision, and how many commits were refused to owners out of date. Writes nothing. Where " +
        "the log is away, shows what PostgreSQL knows, and ends with 3.",
    )
    .action(runs(runTopology));
}

async function runTopology(invocation: Invocation): Promise<ExitCode> {
  const { config, json, log, print } = invocation;
  const { ordersTopic: topic, consumerGroup: groupId } = config;
  const connection = kafkaConnection(invocation, "topology");
  const troubles: string[] = [];
  const orTrouble = (error: unknown): null => {
    if (!(error instanceof LogUnavailable)) throw error;
    troubles.push(lineOf(error));
    return null;
  };
  // PostgreSQL first: what is decided by then is on the log afterwards, and a log that ends below it is another one.
  const rows = await readRows(invocation);
  const ends = await topicEnds(invocation, "topology").catch(orTrouble);
  const members = ends === null ? null : await readGroupMembers({ connection, groupId, logger: log }).catch(orTrouble);
  const found = { rows, ends, members };
  const wanted = oldestUndecided(found);
  const deadlineMs = limits.topologyTimesMs;
  const times = await readRecordTimes({ connection, topic, logger: log, deadlineMs }, wanted);
  const unread = [...wanted.keys()].filter((partition) => !times.has(partition));
  if (unread.length > 0)
    troubles.push(`the oldest undecided record could not be read of partition ${unread.join(", ")}`);
  const partitions = topologyRows(found, times, Date.now());
  if (json) print(JSON.stringify({ topic, group: groupId, members: members && [...members], partitions, troubles }));
  else for (const line of topologyLines(partitions)) print(line);
  for (const trouble of troubles) process.stderr.write(`tallyman: ${trouble}\n`);
  return troubles.length === 0 ? exitCodes.fine : exitCodes.service;
}

function readRows(invocation: Invocation): Promise<PartitionRow[]> {
  const store = createPostgresTopologyStore(databasePool(invocation, "topology", 1));
  return store.partitions().finally(() => store.close());
}
