// Twice as many orders as can be served, from thousands of callers: how many are acknowledged before the caller gives up, and whether
// everybody else is told when to come again. Capacity is what the same contender took just before, with every connection busy.
import type { Contender } from "../contenders/contender.ts";
import { oneStatement } from "../contenders/one-statement/one-statement.ts";
import { tallyman } from "../contenders/tallyman/tallyman.ts";
import type { LoadResult, Overload } from "../load/loads.ts";
import { measureLoad } from "./measure-load.ts";
import { postsOf } from "./posts.ts";
import type { Case, Context, Measured, Row, Work } from "./work.ts";

const timesCapacity = 2;
const giveUpMs = 1_000;
const rowKeys = { capacity: "overload-capacity", goodput: "overload-goodput" } as const;

export const overload: Work = {
  key: "overload",
  title: "Overload",
  rows: ({ connections, overloadConnections }): Row[] => [
    { key: rowKeys.capacity, title: `capacity, ${connections.at(-1) ?? 1} connections`, unit: "orders/s", ratios: [] },
    {
      key: rowKeys.goodput,
      title: `acknowledged within 1 s at twice that, ${overloadConnections.toLocaleString("en")} connections`,
      unit: "orders/s",
      ratios: [{ contender: tallyman.key, rows: [rowKeys.capacity], atLeast: 0.8 }],
    },
  ],
  cases: (context) =>
    [tallyman, oneStatement]
      .filter((contender) => context.contenders.includes(contender))
      .map((contender): Case => {
        return { title: `overload: ${contender.title}`, run: () => measure(context, contender) };
      }),
};

async function measure(context: Context, contender: Contender): Promise<Measured[]> {
  const { scale, field } = context;
  const player = await field.player(contender);
  const { productIds, running } = player;
  const full = postsOf(player, {
    seconds: scale.seconds,
    connections: scale.connections.at(-1) ?? 1,
    productIds,
    distribution: "uniform",
  });
  const { sample: capacity } = await measureLoad(context, player, full, { ...full, seconds: scale.warmUpSeconds });
  const load: Overload = {
    kind: "overload",
    url: running.postUrl,
    seconds: scale.seconds,
    connections: scale.overloadConnections,
    productIds,
    distribution: "uniform",
    headers: {},
    perSecond: Math.max(1, capacity.value * timesCapacity),
    giveUpMs,
  };
  const { sample, http } = await measureLoad(context, player, load, undefined);
  const goodput = goodputOf(http, load);
  const told = {
    ...sample,
    value: goodput.perSecond,
    details: {
      "% of capacity": (goodput.perSecond / capacity.value) * 100,
      ...goodput.details,
      "stored orders/s": sample.value,
      ...sample.details,
    },
    problems: [...sample.problems, ...goodput.problems],
  };
  const { key, title } = contender;
  return [
    { row: rowKeys.capacity, contender: key, title, sample: capacity },
    { row: rowKeys.goodput, contender: key, title, sample: told },
  ];
}

/** What an overload did for those who had not given up. A refusal that does not say when to come again is wrong, and so is an order not accounted for. */
export function goodputOf({ overload: counts, statuses, errors }: LoadResult, { perSecond, seconds }: Overload) {
  if (counts === undefined) throw new Error("This was no overload.");
  const { inTime, gaveUp, refusedSilently } = counts;
  const answered = Object.values(statuses).reduce((sum, times) => sum + times, 0);
  const due = Math.max(1, Math.round(perSecond * seconds));
  const lost = due - answered - gaveUp - errors;
  return {
    perSecond: inTime / seconds,
    details: {
      "offered orders/s": perSecond,
      "given up unsent": gaveUp,
      "refused without Retry-After": refusedSilently,
    },
    problems: [
      ...(refusedSilently === 0 ? [] : [`${refusedSilently} refusals had no Retry-After.`]),
      ...(lost === 0 ? [] : [`${lost} of ${due} orders that were due are not accounted for.`]),
    ],
  };
}
