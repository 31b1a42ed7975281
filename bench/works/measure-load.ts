// One load on one contender: from its first order until the last one that it took is decided and stored.
import type { Load, LoadResult } from "../load/loads.ts";
import { type Cpu, pidsOf, readCpu, spent } from "../support/cpu.ts";
import { sampleMemory } from "../support/memory.ts";
import { readWritten, writtenBetween } from "../support/written.ts";
import type { Player } from "./field.ts";
import type { Context, Sample } from "./work.ts";

export type MeasuredLoad = { readonly sample: Sample; readonly http: LoadResult };

/** `warmUp` is sent before, and not measured. The sample's value is orders/s, decided and stored. */
export async function measureLoad(
  context: Context,
  player: Player,
  load: Load,
  warmUp: Load | undefined,
): Promise<MeasuredLoad> {
  const { bench, database, generator } = context;
  const { running } = player;
  // What earlier measurements have left to write is written now, and not at somebody's expense.
  await database.query("checkpoint");
  const problems: string[] = [];
  const note = (http: LoadResult): number => {
    const taken = takenOf(http, running.acceptedStatus);
    problems.push(...unexpected(http, load.headers.prefer === undefined ? running.acceptedStatus : 201));
    player.taken += taken;
    return taken;
  };
  if (warmUp !== undefined) {
    note(await generator.run(warmUp));
    await running.untilStored();
  }
  const { accepted, rejected } = await running.stored();
  const pids = pidsOf({ ...running.pids, "load generator": generator.pid, ...bench.services.pids });
  const memory = sampleMemory(running.pids);
  const written = await readWritten(bench, database);
  let cpu: Cpu | undefined;
  const http = await generator.run(load, () => (cpu = readCpu(pids)));
  await running.untilStored();
  const endedAt = running.decidesBeforeAnswer ? http.endedAt : Date.now();
  cpu = spent(cpu, readCpu(pids));
  const looks = memory.stop();
  const wrote = writtenBetween(written, await readWritten(bench, database));
  const orders = note(http);
  const counts = await running.stored();
  const stored = counts.accepted + counts.rejected - accepted - rejected;
  if (stored !== orders) problems.push(`${orders} orders were taken, and ${stored} stored.`);
  const value = (stored / Math.max(1, endedAt - http.startedAt)) * 1000;
  const refused = Object.entries(http.statuses).reduce((sum, [status, n]) => (refusals.has(status) ? sum + n : sum), 0);
  const details = { refused, "HTTP p50 ms": http.p50, "HTTP p99 ms": http.p99 };
  return { sample: { value, orders, cpu, written: wrote, memory: looks, details, problems }, http };
}

/** Orders that are on the log or stored, each once: a refusal for want of stock is a decision too. */
export function takenOf({ statuses, resent }: Pick<LoadResult, "statuses" | "resent">, acceptedStatus: number): number {
  const taking = new Set(["taken", "200", "201", "202", "409", String(acceptedStatus)]);
  const answered = Object.entries(statuses).reduce(
    (sum, [status, times]) => (taking.has(status) ? sum + times : sum),
    0,
  );
  return answered - resent;
}

/** "Not now": more than it can take. Told as a figure, for it takes no order and wrongs none. */
const refusals = new Set(["429", "503"]);

/** Answers that no order should get here, a sentence each. Those who send again may be told that the order is known. */
export function unexpected({ statuses, errors, resent }: LoadResult, acceptedStatus: number): string[] {
  const isRight = (status: string, times: number): boolean =>
    status === String(acceptedStatus) ||
    status === "taken" ||
    refusals.has(status) ||
    (status === "200" && times <= resent);
  const other = Object.entries(statuses).filter(([status, times]) => !isRight(status, times));
  const problems = other.map(([status, times]) => `${times} answers were ${status} instead of ${acceptedStatus}.`);
  return errors === 0 ? problems : [...problems, `${errors} orders got no answer.`];
}
