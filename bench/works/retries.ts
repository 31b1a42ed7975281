// What producers who send orders twice cost everybody: over HTTP, and in a backlog.
import type { Contender } from "../contenders/contender.ts";
import { tallyman } from "../contenders/tallyman/tallyman.ts";
import { drainCase, kindsOf } from "./drain.ts";
import { measureLoad } from "./measure-load.ts";
import { postsOf } from "./posts.ts";
import type { Case, Context, RatioTo, Row, Work } from "./work.ts";

const percents = [0, 10, 100];
const rowKey = (kind: "posts" | "drain", percent: number): string => `retries-${kind}-${percent}`;

export const retries: Work = {
  key: "retries",
  title: "Orders sent twice",
  rows: ({ connections }): Row[] => {
    const many = connections.at(-1) ?? 1;
    const none = (kind: "posts" | "drain"): RatioTo => {
      return { contender: tallyman.key, rows: [rowKey(kind, 0)] };
    };
    return [
      ...percents.map((percent): Row => {
        const key = rowKey("posts", percent);
        const title = `POSTs, ${many} connections, ${percent}% sent twice`;
        return { key, title, unit: "orders/s", ratios: [{ contender: "a", rows: [key] }, none("posts")] };
      }),
      ...percents.map((percent): Row => {
        const title = `a backlog, ${percent}% on the log twice`;
        return { key: rowKey("drain", percent), title, unit: "orders/s", ratios: [none("drain")] };
      }),
    ];
  },
  cases: (context) => [
    ...percents.flatMap((percent) => context.contenders.flatMap((each) => postCase(context, each, percent))),
    ...percents.flatMap((percent) => drainCases(context, percent)),
  ],
};

function postCase(context: Context, contender: Contender, resentPercent: number): Case[] {
  if (contender.start === undefined) return [];
  const { scale } = context;
  const run: Case["run"] = async () => {
    const player = await context.field.player(contender);
    if (!player.running.takesOrderIds) return [];
    const connections = scale.connections.at(-1) ?? 1;
    const load = postsOf(player, {
      seconds: scale.seconds,
      connections,
      productIds: player.productIds,
      distribution: "uniform",
      resentPercent,
    });
    const { sample } = await measureLoad(context, player, load, { ...load, seconds: scale.warmUpSeconds });
    return [{ row: rowKey("posts", resentPercent), contender: contender.key, title: contender.title, sample }];
  };
  return [{ title: `${resentPercent}% sent twice: ${contender.title}`, run }];
}

function drainCases(context: Context, resentPercent: number): Case[] {
  const { resentDrainOrders: orderCount, products: productCount } = context.scale;
  const backlog = { orderCount, productCount, resentPercent };
  const kinds = kindsOf(context.contenders).filter(
    ({ key, publishesDecisions }) => key === tallyman.key && publishesDecisions === undefined,
  );
  return kinds.map((kind) => {
    const { title, run } = drainCase(context, kind, rowKey("drain", resentPercent), backlog);
    // Its limits are those of the work "drain".
    return { title, run: async () => (await run()).filter(({ contender }) => contender === kind.key) };
  });
}
