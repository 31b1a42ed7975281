// Tallyman works off a backlog of Avro orders: one processor that has just started, into PostgreSQL and Redis.
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../../local/failure.ts";
import { type Backlog, appendBacklog } from "../../support/backlog.ts";
import type { Bench } from "../../support/bench.ts";
import { pidsOf, readCpu, spent } from "../../support/cpu.ts";
import { createInstallation } from "../../support/installation.ts";
import { type Progress, audit, readProgress, untilProgress } from "../../support/ledger.ts";
import { sampleMemory } from "../../support/memory.ts";
import { readCommitMetrics, readDecisionsTold } from "../../support/metrics.ts";
import { readWritten, writtenBetween } from "../../support/written.ts";
import { whole } from "../../support/numbers.ts";
import type { DrainKind, Drained } from "../contender.ts";
import { copyLedger } from "./copy-ledger.ts";

/** How often `next_offset` is looked at. */
const pollMs = 20;
const limitMs = 30_000;
/** Not set: the topic's own name with ".decisions" behind it. */
const ownDecisions = { DECISIONS_TOPIC: "" };

export const drains: readonly DrainKind[] = [
  {
    key: "tallyman",
    title: "Tallyman",
    run: (bench, backlog) => drain(bench, backlog, false),
  },
  {
    key: "tallyman",
    title: "Tallyman",
    publishesDecisions: true,
    run: (bench, backlog) => drain(bench, backlog, true),
  },
];

async function drain(bench: Bench, backlog: Backlog, publishes: boolean): Promise<Drained> {
  const { progress, services, signal } = bench;
  const { orderCount, productCount } = backlog;
  await using installation = await createInstallation(bench, publishes ? ownDecisions : {});
  const { database } = installation;
  const { records, appendMs } = await progress.step(`${whole(orderCount)} orders on a fresh topic`, () =>
    appendBacklog(installation, backlog, signal),
  );
  const until = async (enough: (progress: Progress) => boolean) => {
    const { decided } = await untilProgress(database, enough, { pollMs, limitMs, signal });
    return { decided, at: performance.now() };
  };
  const before = await readWritten(bench, database);
  let noneDecidedAt = performance.now();
  const someDecided = ({ decided }: Progress): boolean => {
    if (decided === 0) noneDecidedAt = performance.now();
    return decided > 0;
  };
  // Side by side: it decides before it has said that it is ready.
  const [processor, first] = await Promise.all([installation.start("processor"), until(someDecided)]);
  const pids = pidsOf({ processor: processor.pid, ...services.pids });
  const cpuFrom = { cpu: readCpu(pids), ...(await readProgress(database)) };
  const memory = sampleMemory({ processor: processor.pid });
  const decided = await until((progress) => progress.decided >= records);
  // Those who are told of decisions have them when they are on the topic. What PostgreSQL knows of that is up to a second old.
  const last = publishes ? { ...decided, at: await untilTold(processor.url, decided.decided, signal) } : decided;
  const told = await until(({ effects }) => effects >= records);
  const cpu = spent(cpuFrom.cpu, readCpu(pids));
  const written = writtenBetween(before, await readWritten(bench, database));

  // A backlog so small that it is decided within one look leaves nothing to count from that look on.
  const from = first.decided < records ? first : { decided: 0, at: noneDecidedAt };
  const commands = last.decided - from.decided;
  const problems = await audit(database, orderCount);
  const { commits, meanGroup, meanCommitMs, fenced } = await readCommitMetrics(processor.url);
  return {
    ordersPerSecond: ((commands * (orderCount + productCount)) / records / Math.max(1, last.at - from.at)) * 1000,
    commands: records - cpuFrom.decided,
    writtenCommands: records,
    ms: last.at - from.at,
    firstLookShare: first.decided / records,
    cpu,
    memory: memory.stop(),
    written,
    details: {
      commits,
      "commands a commit": meanGroup,
      "ms a commit": meanCommitMs,
      fenced,
      "effects ms": told.at - last.at,
    },
    limits: {
      produce: (records / appendMs) * 1000,
      ...(!publishes && { copy: await copyLedger(bench, database) }),
    },
    problems,
  };
}

/** Resolves to the moment in which the decisions topic had acknowledged so many decisions, by `performance.now()`. */
async function untilTold(processorUrl: string, decisions: number, signal: AbortSignal): Promise<number> {
  const from = performance.now();
  for (;;) {
    const told = await readDecisionsTold(processorUrl);
    if (told >= decisions) return performance.now();
    if (performance.now() - from > limitMs) {
      throw new Failure(`The decisions topic has ${told} decisions of ${decisions} after ${limitMs / 1000} s.`);
    }
    await sleep(pollMs, undefined, { signal });
  }
}
