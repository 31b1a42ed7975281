/**
 * The order in which a product's commands were decided, as the ledger tells it: by offset within a partition; between
 * partitions, between which a product moves when they grow, by version.
 */
import type { Line } from "./evidence.ts";

/** A cancel that came before its order has taken the order's id; the order's content is still to come. */
export const isPlaceholder = (line: Line): boolean => line.type === "PlaceOrder" && line.unit_price_cents === null;

/** Its version is its own; a line that is none of these met a version that another one had made. */
function madeItsVersion(line: Line): boolean {
  if (line.type === "PlaceOrder") return line.status === "accepted" || line.delta !== 0;
  if (line.status !== "accepted") return false;
  return line.type !== "CancelOrder" || line.delta !== 0;
}

/** The lines of one product, the earliest first. `complaints` gets what can't be put into any order. */
export function sequenceOf(lines: readonly Line[], complaints: string[]): Line[] {
  const partitions = Map.groupBy(
    lines.filter((line) => !isPlaceholder(line)),
    (line) => line.partition,
  );
  const queues = [...partitions]
    .toSorted(([a], [b]) => a - b)
    .map(([, each]) => each.toSorted((a, b) => a.offset - b.offset));
  for (const queue of queues) {
    for (const [index, line] of queue.entries()) {
      const before = queue[index - 1];
      if (before !== undefined && before.version > line.version) {
        complaints.push(
          `${line.product_id}: offset ${line.offset} of partition ${line.partition} met version ${line.version}, ` +
            `and offset ${before.offset} before it version ${before.version}`,
        );
      }
    }
  }
  const sequence: Line[] = [];
  const at = queues.map(() => 0);
  for (;;) {
    let next: { line: Line; queue: number } | undefined;
    for (const [queue, each] of queues.entries()) {
      const line = each[at[queue] ?? 0];
      // At one version the line that made it comes first; of those that met it, the ones in the older partition.
      if (line !== undefined && (next === undefined || isBefore(line, next.line))) next = { line, queue };
    }
    if (next === undefined) return sequence;
    sequence.push(next.line);
    at[next.queue] = (at[next.queue] ?? 0) + 1;
  }
}

function isBefore(a: Line, b: Line): boolean {
  if (a.version !== b.version) return a.version < b.version;
  return madeItsVersion(a) && !madeItsVersion(b);
}
