// A backlog on the log, worked off.
import type { Contender, DrainBacklog, DrainKind, Drained } from "../contenders/contender.ts";
import { tallyman } from "../contenders/tallyman/tallyman.ts";
import { whole } from "../support/numbers.ts";
import type { Scale } from "./scale.ts";
import { type Case, type Context, type Measured, type Row, type Work, noSample } from "./work.ts";

const limitTitles: Readonly<Record<string, string>> = {
  produce: "produce alone, by kafkajs",
  copy: "COPY of the same rows",
};

const backlogOf = ({ drainOrders: orderCount, products: productCount }: Scale): DrainBacklog => {
  return { orderCount, productCount, resentPercent: 0 };
};

export const drain: Work = {
  key: "drain",
  title: "Draining",
  rows: (scale): Row[] => [
    {
      key: "drain",
      title: `a backlog of ${whole(scale.drainOrders)} orders`,
      unit: "orders/s",
      ratios: [
        { contender: "d", rows: ["drain"], atLeast: 1.6 },
        { contender: "copy", rows: ["drain"], atLeast: 0.4 },
      ],
    },
    {
      key: "drain-decisions",
      title: "the same, decisions out on",
      unit: "orders/s",
      ratios: [
        { contender: "d", rows: ["drain"], atLeast: 1.2 },
        { contender: tallyman.key, rows: ["drain"] },
      ],
    },
  ],
  cases: (context) =>
    kindsOf(context.contenders).map((kind) => {
      const row = kind.publishesDecisions === true ? "drain-decisions" : "drain";
      return drainCase(context, kind, row, backlogOf(context.scale));
    }),
};

export function kindsOf(contenders: readonly Contender[]): DrainKind[] {
  return contenders.flatMap(({ drains = [] }) => drains);
}

export function drainCase({ bench, scale }: Context, kind: DrainKind, row: string, backlog: DrainBacklog): Case {
  return {
    title: `${row}: ${kind.title}`,
    run: async () => {
      const drained = await kind.run(bench, backlog);
      const own = { row, contender: kind.key, title: kind.title, sample: sampleOf(drained, scale) };
      return [own, ...Object.entries(drained.limits).map(([name, value]) => limitOf(row, name, value))];
    },
  };
}

function sampleOf({ ordersPerSecond, commands, writtenCommands, written, ...rest }: Drained, scale: Scale) {
  const { cpu, memory, details, problems, firstLookShare } = rest;
  // Bytes are told for each order, like processor time, and both are of as many orders then.
  const scaled = Object.fromEntries(
    Object.entries(written).map(([name, bytes]) => [name, (bytes * commands) / Math.max(1, writtenCommands)]),
  );
  const tooFew = "More than half was decided at the first look: take more orders.";
  return {
    value: ordersPerSecond,
    orders: commands,
    cpu,
    written: scaled,
    memory,
    details,
    problems: firstLookShare > 0.5 && !scale.isSmoke ? [...problems, tooFew] : problems,
  };
}

function limitOf(row: string, name: string, value: number): Measured {
  return { row, contender: name, title: limitTitles[name] ?? name, sample: { ...noSample, value } };
}
