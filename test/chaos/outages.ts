/**
 * What faults cost: the longest time, around each, in which no order was acknowledged, and in which none was decided. Faults
 * overlap, so that a fault's figure may be another one's doing; those that met no other are told apart.
 */
import type { Evidence } from "./auditor/evidence.ts";
import type { SufferedFault } from "./campaign.ts";

export type Outage = {
  readonly kind: string;
  readonly atMs: number;
  readonly tookMs: number;
  readonly ackGapMs: number;
  readonly decisionGapMs: number;
  /** No other fault was there from shortly before it until its effects were looked for. */
  readonly isAlone: boolean;
};

/** How long after a fault its gap may begin or end. */
const aftermathMs = 8_000;

export function outagesOf(faults: readonly SufferedFault[], { commands, lines, startedAt }: Evidence): Outage[] {
  const orders = commands.filter(({ kind }) => kind === "order");
  const acks = orders.flatMap(({ ackedAt }) => ackedAt ?? []).toSorted((a, b) => a - b);
  const decisions = lines
    .filter(({ type }) => type === "PlaceOrder")
    .map((line) => line.decided_at)
    .toSorted((a, b) => a - b);
  return faults.map((each) => {
    const { kind, from, to } = each;
    const until = to + aftermathMs;
    const isAlone = faults.every((other) => other === each || other.to + aftermathMs < from || other.from > until);
    return {
      kind,
      atMs: Math.round(from - startedAt),
      tookMs: Math.round(to - from),
      ackGapMs: longestGap(acks, from, until),
      decisionGapMs: longestGap(decisions, from, until),
      isAlone,
    };
  });
}

/** Of the gaps between two of these times that begin before `until` and end after `from`, the longest. */
export function longestGap(times: readonly number[], from: number, until: number): number {
  let longest = 0;
  for (const [index, at] of times.entries()) {
    const before = times[index - 1];
    if (before === undefined || at < from) continue;
    if (before > until) break;
    longest = Math.max(longest, at - before);
  }
  return Math.round(longest);
}
