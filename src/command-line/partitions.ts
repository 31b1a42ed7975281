/** `tallyman partitions`: over how many partitions products are spread; adds partitions while orders flow (P19). */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../clock.ts";
import { createGrowthDriver } from "../growth/growth-driver.ts";
import type { GrowthDriver, GrowthLook } from "../growth/growth-driver.ts";
import { growthText, surplusText, waitText } from "../growth/growth-text.ts";
import { callOff, grow } from "../growth/grow.ts";
import type { GrowEnd, GrowRefusal } from "../growth/grow.ts";
import { limits } from "../limits.ts";
import { createKafkaInspector } from "../log/kafka/inspector.ts";
import { createKafkaLogAdmin } from "../log/kafka/log-admin.ts";
import type { LogAdmin } from "../log/log-admin.ts";
import type { PartitionMap, PartitionMapStore } from "../stores/partition-map-store.ts";
import { createPostgresPartitionMapStore } from "../stores/postgres/partition-map-store.ts";
import { createPostgresOrderReads } from "../stores/postgres/reads/order-reads.ts";
import { wholeNumber } from "./command-line.ts";
import type { CommandLine, Invocation } from "./command-line.ts";
import { databasePool, kafkaConnection } from "./connections.ts";
import { exitCodes, UsageWrong } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";

export function registerPartitions({ program, runs }: CommandLine): void {
  const partitions = program
    .command("partitions")
    .summary("over how many partitions products are spread; add partitions while orders flow")
    .description(
      "Shows over how many partitions products are spread, and what a growth of that waits for. Writes nothing.",
    )
    .action(runs(runShow));
  partitions
    .command("grow")
    .summary("add partitions while orders flow")
    .description(
      "Adds partitions until there are <count>, while orders flow, and says how it goes. Commands of products that move wait for a second " +
        "or two meanwhile. Stopped or killed, the growth goes on: processors finish it, or the same command again.",
    )
    .argument("<count>", "a multiple of what there are now", wholeNumber(1, limits.partitionsMax))
    .option("--now", "do not wait until what is in the log is decided")
    .action(runs(runGrow));
  partitions
    .command("cancel")
    .description(
      "Calls a growth off that is under way. No product has moved; partitions that the topic has by then it keeps.",
    )
    .action(runs(runCancel));
}

type Desk = {
  readonly maps: PartitionMapStore;
  readonly log: LogAdmin;
  readonly driver: GrowthDriver;
};

/** Closes what it opened, whatever becomes of `work`. */
async function withDesk<Result>(invocation: Invocation, work: (desk: Desk) => Promise<Result>) {
  const { config, log: logger } = invocation;
  const connection = kafkaConnection(invocation, "partitions");
  const pool = databasePool(invocation, "partitions");
  const maps = createPostgresPartitionMapStore(pool);
  const orders = createPostgresOrderReads(pool);
  const topic = config.ordersTopic;
  const log = createKafkaLogAdmin({ connection, topic, logger });
  const inspector = createKafkaInspector({ connection, topic, logger });
  const progress = () => orders.progress();
  const driver = createGrowthDriver({ maps, log, inspector, progress, clock: systemClock, limits });
  try {
    return await work({ maps, log, driver });
  } finally {
    await Promise.allSettled([log.close(), inspector.close(), pool.end()]);
  }
}

function runShow(invocation: Invocation): Promise<ExitCode> {
  const { json, print } = invocation;
  return withDesk(invocation, async ({ driver, log }) => {
    const [look, counts] = [await driver.look(), await log.partitionCounts()];
    const topicPartitions = Math.max(...counts);
    if (json) print(JSON.stringify({ ...documentOf(look.map), topicPartitions, waitsFor: look.waitsFor }));
    else {
      print(stepLine(look));
      const surplus = surplusText(look.map, topicPartitions);
      if (surplus !== null) print(surplus);
    }
    return exitCodes.fine;
  });
}

async function runGrow(invocation: Invocation, toCount: number, flags: { readonly now?: boolean }): Promise<ExitCode> {
  const { json, print, signal } = invocation;
  const startedAt = performance.now();
  const say = sayer(invocation);
  const interrupted = (): void => say("Stopped. The growth goes on: processors finish it, or the same command again.");
  return withDesk(invocation, async (desk) => {
    let isUnderWay = false;
    const end = await grow(
      {
        ...desk,
        sleep: (ms) => sleep(ms),
        now: () => performance.now(),
        tell: (step) => {
          isUnderWay = true;
          say(stepLine(step));
        },
        tellTrouble: (error) => say(`waiting: ${error.message}`),
        signal,
        limits,
      },
      toCount,
      flags.now === true,
    ).catch((error: unknown) => {
      if (signal.aborted && isUnderWay) interrupted();
      throw error;
    });
    if ("refused" in end) throw refusalError(end, toCount);
    const tookMs = Math.round(performance.now() - startedAt);
    if (json) print(JSON.stringify({ ...documentOf(end.map), end: end.end, tookMs }));
    else print(endLine(end, toCount, tookMs));
    return end.end === "called_off" ? exitCodes.failed : exitCodes.fine;
  });
}

function runCancel(invocation: Invocation): Promise<ExitCode> {
  const { json, print } = invocation;
  return withDesk(invocation, async ({ maps }) => {
    const { calledOff, map } = await callOff(maps);
    if (json) print(JSON.stringify({ ...documentOf(map), calledOff }));
    else print(calledOff ? `Called off: ${growthText(map)}, as before.` : `Nothing grows: ${growthText(map)}.`);
    return exitCodes.fine;
  });
}

/** Says each line once, until another one is to be said; nothing where JSON is wanted. */
function sayer({ json, print }: Invocation): (line: string) => void {
  let last = "";
  return (line) => {
    if (!json && line !== last) print(line);
    last = line;
  };
}

function documentOf({ version, partitionCount, growth, changedAt }: PartitionMap) {
  return { version, partitionCount, growth, changedAt: new Date(changedAt).toISOString() };
}

function stepLine({ map, waitsFor }: Pick<GrowthLook, "map" | "waitsFor">): string {
  // The time that is left is another one each time.
  if (waitsFor === null || waitsFor.for === "leases") return growthText(map);
  return `${growthText(map)}: ${waitText(waitsFor)}`;
}

function endLine({ end, map }: Exclude<GrowEnd, GrowRefusal>, toCount: number, tookMs: number): string {
  if (end === "was_done") return `There are ${growthText(map)} already.`;
  if (end === "done") return `There are ${growthText(map)} now. It took ${(tookMs / 1_000).toFixed(1)} s.`;
  return `Somebody has called the growth to ${toCount} off: ${growthText(map)}.`;
}

function refusalError({ refused, map }: GrowRefusal, toCount: number): Error {
  const { partitionCount } = map;
  switch (refused) {
    case "growing":
      return new Error(
        `it is ${growthText(map)}: wait for that, or call it off (tallyman partitions cancel), before it grows to ${toCount}`,
      );
    case "fewer":
      return new UsageWrong(`there are ${partitionCount} partitions: they can become more, never fewer`);
    case "not_a_multiple":
      return new UsageWrong(
        `there are ${partitionCount} partitions: they can become ${multiples(partitionCount).join(", ")} …, a multiple, so that a product ` +
          "moves only to a partition that is new",
      );
    case "too_many":
      return new UsageWrong(`there can be ${limits.partitionsMax} partitions at most`);
  }
}

const multiples = (partitionCount: number): number[] =>
  [2, 3, 4].map((factor) => factor * partitionCount).filter((count) => count <= limits.partitionsMax);
