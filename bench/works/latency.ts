// From the moment at which an order was due until its decision is known, at a share of what each can take. Capacity is what the same
// contender took just before, with every connection busy.
import type { Contender } from "../contenders/contender.ts";
import { oneStatement } from "../contenders/one-statement/one-statement.ts";
import { tallyman } from "../contenders/tallyman/tallyman.ts";
import type { OpenLoop } from "../load/loads.ts";
import type { Player } from "./field.ts";
import { measureLoad } from "./measure-load.ts";
import { postsOf } from "./posts.ts";
import type { Case, Context, Measured, Row, Work } from "./work.ts";

const shares = [
  { percent: 10, title: "a tenth of capacity" },
  { percent: 50, title: "half of capacity" },
  { percent: 90, title: "nine tenths of capacity" },
];

/** A row's key: the callers who wait for the decision have rows of their own. */
const rowKey = (percent: number, waits: boolean): string => `latency-${percent}${waits ? "-wait" : ""}`;

/** How the time until the decision is taken. */
type Subject = {
  readonly title: string;
  readonly contender: Contender;
  readonly waits: boolean;
};

const subjects: readonly Subject[] = [
  { title: "Tallyman: to decided_at", contender: tallyman, waits: false },
  { title: "Tallyman: to the answer", contender: tallyman, waits: true },
  { title: `${oneStatement.title}: to the answer`, contender: oneStatement, waits: false },
];

export const latency: Work = {
  key: "latency",
  title: "Order to decision (with Prefer: wait, to the answer), p50",
  rows: () =>
    shares.flatMap(({ percent, title }) =>
      [false, true].map((waits): Row => {
        const key = rowKey(percent, waits);
        const ratios = [{ contender: oneStatement.key, rows: [rowKey(percent, false)] }];
        const row = { key, title: waits ? `${title}, Prefer: wait` : title, unit: "ms", ratios } as const;
        return percent === 50 && !waits ? { ...row, atMost: 15 } : row;
      }),
    ),
  cases: (context) =>
    subjects
      .filter(({ contender }) => context.contenders.includes(contender))
      .map((subject): Case => ({ title: `latency: ${subject.title}`, run: () => measure(context, subject) })),
};

async function measure(context: Context, subject: Subject): Promise<Measured[]> {
  const { scale, field } = context;
  const player = await field.player(subject.contender);
  const { productIds, running } = player;
  const connections = scale.connections.at(-1) ?? 1;
  const headers = subject.waits ? (running.waitHeaders ?? {}) : {};
  const common = { connections, productIds, distribution: "uniform", headers } as const;
  // With ids, as the orders below have them.
  const full = postsOf(player, { seconds: scale.seconds, resentPercent: 0, ...common });
  const { sample: capacity } = await measureLoad(context, player, full, { ...full, seconds: scale.warmUpSeconds });

  const measured: Measured[] = [];
  for (const { percent } of shares) {
    const perSecond = Math.max(1, (capacity.value * percent) / 100);
    const load: OpenLoop = { kind: "open", url: running.postUrl, seconds: scale.seconds, perSecond, ...common };
    const { sample, http } = await measureLoad(context, player, load, undefined);
    const decided = await toDecision(player, subject, http.startedAt);
    const [p50, p99] = [decided.p50 ?? http.p50, decided.p99 ?? http.p99];
    const problems = percent === 10 ? [...capacity.problems, ...sample.problems] : sample.problems;
    const details = { "p99 ms": p99, "offered orders/s": perSecond, ...decided.details, ...sample.details };
    const told = { ...sample, value: p50, details, problems };
    measured.push({
      row: rowKey(percent, subject.waits),
      contender: subject.contender.key,
      title: subject.title,
      sample: told,
    });
  }
  return measured;
}

type ToDecision = { readonly p50?: number; readonly p99?: number; readonly details: Readonly<Record<string, number>> };

/** Where the answer comes before the decision, the ledger tells when that was. */
async function toDecision({ running }: Player, { waits }: Subject, sinceMs: number): Promise<ToDecision> {
  const decided = await running.orderToDecision?.(sinceMs);
  if (decided === undefined) return { details: {} };
  const { sinceIssued, sinceDue } = decided;
  const details = { "issued to decided p50 ms": sinceIssued.p50, "issued to decided p99 ms": sinceIssued.p99 };
  return waits ? { details } : { ...sinceDue, details };
}
