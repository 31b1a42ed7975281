/**
 * C3: a decision that somebody has seen, in an answer or in PostgreSQL, never changes, but for an order that a cancel
 * cancels and the line that a cancel made before its order came; and no partition goes back.
 */
import type { Evidence, Line, SeenLine, Telling } from "./evidence.ts";
import { nameOf, nameOfLine } from "./identity.ts";

export function wrongSince(evidence: Evidence): string[] {
  const { lines, seenLines, tellings } = evidence;
  const byId = new Map(lines.map((line) => [line.command_id, line]));
  const cancelled = new Set(
    lines.flatMap(({ type, status, order_id }) => (type === "CancelOrder" && status === "accepted" ? [order_id] : [])),
  );
  const byName = new Map(lines.map((line) => [nameOfLine(line), line]));
  return [
    ...seenLines.flatMap((seen) => {
      const why = whyChanged(seen, byId.get(seen.command_id), cancelled);
      return why === null ? [] : [`${seen.command_id} was seen ${describe(seen)}, and ${why}`];
    }),
    ...tellings.flatMap((telling) => {
      const why = whyNotTrue(telling, byName.get(nameOf(telling)));
      return why === null ? [] : [`${nameOf(telling)} was told ${describeTold(telling)}, and ${why}`];
    }),
    ...setbacks(evidence),
  ];
}

function whyChanged(seen: SeenLine, now: Line | undefined, cancelled: ReadonlySet<string | null>): string | null {
  if (now === undefined) return "is gone";
  const same =
    seen.reason === now.reason &&
    seen.delta === now.delta &&
    seen.stock_after === now.stock_after &&
    seen.version === now.version;
  if (same && seen.status === now.status) return null;
  const isLater = now.revision > seen.revision;
  // The order itself came after its cancel: its line gets what the order says, and stays cancelled.
  const wasPlaceholder = now.type === "PlaceOrder" && seen.unit_price_cents === null && seen.status === "cancelled";
  if (wasPlaceholder && isLater && now.status === "cancelled" && now.delta === 0) return null;
  const isCancelled = seen.status === "accepted" && now.status === "cancelled" && cancelled.has(now.command_id);
  if (isCancelled && isLater && seen.stock_after === now.stock_after && seen.version === now.version) return null;
  return `is ${describe(now)}`;
}

const describe = ({ status, reason, delta, stock_after, version }: SeenLine): string =>
  `${status}${reason === null ? "" : ` (${reason})`}, ${delta} to ${stock_after} at version ${version}`;

const describeTold = ({ status, reason, stockAfter, version }: Telling): string =>
  `${status}${reason === null ? "" : ` (${reason})`}, ${stockAfter ?? "?"} at version ${version ?? "?"}`;

function whyNotTrue(telling: Telling, line: Line | undefined): string | null {
  if (telling.status === "pending" || telling.status === "unknown") return null;
  if (line === undefined) return "has no line";
  const isSame =
    telling.status === line.status ||
    (telling.status === "accepted" && line.status === "cancelled" && line.delta !== 0);
  const isReason = telling.reason === null || telling.reason === line.reason;
  const isStock = telling.stockAfter === null || telling.stockAfter === line.stock_after;
  const isVersion = telling.version === null || telling.version === line.version;
  return isSame && isReason && isStock && isVersion ? null : `is ${describe(line)}`;
}

function setbacks({ seenProgress, progress }: Evidence): string[] {
  const wrong: string[] = [];
  const highest = new Map<number, { epoch: number; next_offset: number; effects_offset: number }>();
  for (const look of [...seenProgress, progress]) {
    for (const { partition, ...now } of look) {
      const before = highest.get(partition) ?? now;
      for (const key of ["epoch", "next_offset", "effects_offset"] as const) {
        if (now[key] < before[key])
          wrong.push(`partition ${partition}: ${key} was ${before[key]}, and later ${now[key]}`);
      }
      highest.set(partition, now);
    }
  }
  return wrong;
}

/**
 * Readings that were behind what somebody had been told before they were asked for. They are counted, not judged: what is
 * read from Redis may be of a moment ago.
 */
export function readingsBehind(tellings: readonly Telling[]): number {
  const rank = { unknown: 0, pending: 0, accepted: 1, rejected: 1, cancelled: 2 } as const;
  let behind = 0;
  for (const [, each] of Map.groupBy(tellings, nameOf)) {
    const inTime = each.toSorted((a, b) => a.toldAt - b.toldAt);
    for (const later of inTime) {
      if (inTime.some((earlier) => earlier.toldAt < later.askedAt && rank[earlier.status] > rank[later.status]))
        behind += 1;
    }
  }
  return behind;
}
