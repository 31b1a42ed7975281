/** C6 to C12 without C10: what holds when it is quiet again, of the processes, and of the answers. */
import type { Ending, Evidence, MemoryLife } from "./evidence.ts";
import { nameOf, nameOfLine } from "./identity.ts";
import { isPlaceholder } from "./sequence.ts";

export const bounds = {
  redisEqualMs: 10_000,
  progressMs: 30_000,
  decisionsMin: 1_000,
  memoryGrowthMax: 1.1,
  memoryWarmUpMs: 60_000,
  /** Of the samples, which a peak leaves out: a single one may be anything. */
  memoryPeakShare: 0.05,
  /** Of a life after its warm-up, below which its thirds say nothing: V8 may take five minutes from one full collection to the next. */
  memoryLifeMs: 600_000,
} as const;

/** C6 */
export const wrongInRedis = ({ redisEqualAfterMs, redisDifferences }: Evidence): string[] =>
  redisEqualAfterMs !== null && redisEqualAfterMs <= bounds.redisEqualMs
    ? []
    : [`Redis differs from PostgreSQL ${bounds.redisEqualMs / 1_000} s after all is decided`, ...redisDifferences];

/** C7 */
export function wrongProgress({ logEnds, progress, growth, healedAt, decidedAt }: Evidence): string[] {
  const next = new Map(progress.map(({ partition, next_offset }) => [partition, next_offset]));
  const behind = logEnds.flatMap((end, partition) =>
    (next.get(partition) ?? 0) < end ? [`partition ${partition} stands at ${next.get(partition) ?? 0} of ${end}`] : [],
  );
  if (growth.to_count !== null)
    behind.push(`the growth from ${growth.partition_count} to ${growth.to_count} partitions is not finished`);
  if (decidedAt === null) return ["not everything on the log is decided", ...behind];
  const afterMs = decidedAt - healedAt;
  if (afterMs > bounds.progressMs) behind.push(`all is decided ${Math.round(afterMs)} ms after the last fault`);
  return behind;
}

/** C8 */
export function wrongEndings({ endings, faults }: Evidence): string[] {
  return endings.flatMap((ending) => {
    const { member, how, by, errors } = ending;
    if (by === "killed" || isGivenUp(ending, faults)) return [];
    // One that was asked before it listens for that ends as any program does.
    if (by === "asked" && how === "SIGTERM" && !ending.wasReady) return [];
    if (by === "asked") return how === "0" ? [] : [`${member} was asked to stop, and ended with ${how}: ${errors}`];
    return [`${member} ended by itself, with ${how}: ${errors}`];
  });
}

/** A start that found a service missing for as long as a start waits; it says so, and is started again. */
export const isGivenUp = ({ by, wasReady, how, bornAt, endedAt }: Ending, faults: Evidence["faults"]): boolean =>
  by === "itself" && !wasReady && how === "1" && faults.some(({ from, to }) => from < endedAt && to > bornAt);

export type MemoryVerdict = { readonly member: string; readonly firstBytes: number; readonly lastBytes: number };

/**
 * The peaks of the first and of the last third of each life that is long enough, after its warm-up. Node gives memory back in
 * large steps, minutes apart: what is resident in between tells how long ago the last one was, so that the medians of an idle
 * process differ by half. What it comes back to at most is what a machine must have, and what a leak raises.
 */
export function thirdsOf(lives: readonly MemoryLife[]): MemoryVerdict[] {
  return lives.flatMap(({ member, bornAt, samples }) => {
    const warm = samples.filter(({ at }) => at >= bornAt + bounds.memoryWarmUpMs);
    const lastedMs = (warm.at(-1)?.at ?? 0) - (warm[0]?.at ?? 0);
    if (lastedMs < bounds.memoryLifeMs) return [];
    const third = Math.floor(warm.length / 3);
    const peakOf = (part: typeof warm): number =>
      part.map(({ bytes }) => bytes).toSorted((a, b) => b - a)[Math.floor(part.length * bounds.memoryPeakShare)] ?? 0;
    return [{ member, firstBytes: peakOf(warm.slice(0, third)), lastBytes: peakOf(warm.slice(-third)) }];
  });
}

/** C9; undefined: no process has lived long enough to be judged. */
export function wrongMemory({ memory }: Evidence): string[] | undefined {
  const thirds = thirdsOf(memory);
  if (thirds.length === 0) return undefined;
  return thirds.flatMap(({ member, firstBytes, lastBytes }) =>
    lastBytes > firstBytes * bounds.memoryGrowthMax
      ? [
          `${member} had ${mebibytes(firstBytes)} MiB at most in the first third of its life, ${mebibytes(lastBytes)} in the last`,
        ]
      : [],
  );
}

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

/** C11 */
export const tooFew = ({ lines }: Evidence): string[] =>
  lines.length >= bounds.decisionsMin ? [] : [`${lines.length} decisions; a run needs ${bounds.decisionsMin}`];

/** C12 */
export function wrongAnswers(evidence: Evidence): string[] {
  const { commands, tellings, surprises, lines, finalOrders, finalProducts, stock } = evidence;
  const wrong = [...surprises];
  for (const command of commands) {
    if (command.ackedAt === null && !command.isMoot)
      wrong.push(`${nameOf(command)} is not acknowledged after ${command.attempts} attempts`);
  }
  const ackedAt = new Map(commands.map((command) => [nameOf(command), command.ackedAt]));
  for (const { kind, id, status, askedAt } of tellings) {
    const acked = ackedAt.get(nameOf({ kind, id })) ?? null;
    if (status === "unknown" && acked !== null && acked < askedAt)
      wrong.push(`${kind} ${id} was acknowledged, and then said not to exist`);
  }
  const byName = new Map(lines.filter((line) => !isPlaceholder(line)).map((line) => [nameOfLine(line), line]));
  const read = new Map(finalOrders.map((order) => [order.id, order]));
  for (const { kind, id, ackedAt: acked } of commands) {
    if (kind !== "order" || acked === null) continue;
    const [line, order] = [byName.get(nameOf({ kind, id })), read.get(id)];
    if (line?.status !== order?.status || line?.version !== order?.version)
      wrong.push(`order ${id} reads as ${order?.status ?? "nothing"}, and is ${line?.status ?? "not decided"}`);
  }
  const products = new Map(finalProducts.map((product) => [product.id, product]));
  for (const { product_id: id, quantity, version } of stock) {
    const product = products.get(id);
    if (product?.quantity !== quantity || product.version !== version)
      wrong.push(`${id} reads as ${product?.quantity}@${product?.version}, and is ${quantity}@${version}`);
  }
  return wrong;
}
