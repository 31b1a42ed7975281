// One backlog, worked off by one processor into PostgreSQL and Redis.
import { appendBacklog } from "./backlog.ts";
import type { Bench } from "./bench.ts";
import { type Cpu, pidsOf, readCpu, spent } from "./cpu.ts";
import { createInstallation } from "./installation.ts";
import { type Progress, audit, readProgress, untilProgress } from "./ledger.ts";
import { type CommitMetrics, readCommitMetrics } from "./metrics.ts";
import { whole } from "./report.ts";

export const drainedProducts = 1_000;
/** How often `next_offset` is looked at. */
export const drainPollMs = 20;
const limitMs = 30_000;

export type Drain = {
  /** Orders, each counted once however often it lies on the log. */
  readonly ordersPerSecond: number;
  /** Decided between the two looks that the time lies between. */
  readonly commands: number;
  readonly ms: number;
  /** From the last decision until PostgreSQL says that all effects are told, which the processor notes once a second. */
  readonly effectsMs: number;
  readonly metrics: CommitMetrics;
  /** From the first commit seen until all effects were told, with what was decided meanwhile. */
  readonly cpu: Cpu | undefined;
  readonly cpuCommands: number;
  readonly problems: readonly string[];
};

export type DrainOptions = { readonly orderCount: number; readonly resentPercent: number };

export async function drain(bench: Bench, { orderCount, resentPercent }: DrainOptions): Promise<Drain> {
  const { progress, services, signal } = bench;
  await using installation = await createInstallation(bench);
  const { database } = installation;
  const backlog = { productCount: drainedProducts, orderCount, resentPercent };
  const total = await progress.step(`${whole(orderCount)} orders on a fresh topic`, () =>
    appendBacklog(installation, backlog, signal),
  );
  const look = { pollMs: drainPollMs, limitMs, signal };
  const until = async (enough: (progress: Progress) => boolean) => {
    const { decided } = await untilProgress(database, enough, look);
    return { decided, at: performance.now() };
  };
  // Side by side: it decides before it has said that it is ready.
  const [processor, first] = await Promise.all([installation.start("processor"), until(({ decided }) => decided > 0)]);
  const pids = pidsOf({ processor: processor.pid, ...services.pids });
  const cpuFrom = { cpu: readCpu(pids), ...(await readProgress(database)) };
  const last = await until(({ decided }) => decided >= total);
  const told = await until(({ effects }) => effects >= total);
  const cpu = spent(cpuFrom.cpu, readCpu(pids));

  const commands = last.decided - first.decided;
  const problems = await audit(database, orderCount);
  if (commands < total / 2) problems.push("More than half was decided at the first look: take more --orders.");
  return {
    ordersPerSecond: ((commands * (orderCount + drainedProducts)) / total / (last.at - first.at)) * 1000,
    commands,
    ms: last.at - first.at,
    effectsMs: told.at - last.at,
    metrics: await readCommitMetrics(processor.url),
    cpu,
    cpuCommands: total - cpuFrom.decided,
    problems,
  };
}
