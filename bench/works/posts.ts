// Single orders, each decided and stored.
import type { Contender } from "../contenders/contender.ts";
import { httpAlone } from "../contenders/http-alone/http-alone.ts";
import type { Distribution } from "../load/distributions.ts";
import type { Posts } from "../load/loads.ts";
import type { Player } from "./field.ts";
import { measureLoad } from "./measure-load.ts";
import type { Scale } from "./scale.ts";
import type { Case, Context, Row, Work } from "./work.ts";

type Pattern = "uniform" | "zipf" | "hot";
type Wanted = { readonly connections: number; readonly pattern: Pattern };

const patterns = { uniform: "uniform", zipf: "Zipf", hot: "one hot product" } as const satisfies Record<
  Pattern,
  string
>;
/** Tallyman's: by pattern, with few connections and with many. */
const goals: Readonly<Record<Pattern, { a: readonly number[]; b: number } | undefined>> = {
  uniform: { a: [1.4, 3], b: 0.9 },
  zipf: undefined,
  hot: { a: [3.5, 6], b: 0.7 },
};

export const postKey = ({ connections, pattern }: Wanted): string => `posts-${connections}-${pattern}`;

const wanted = ({ connections }: Scale): Wanted[] =>
  (Object.keys(patterns) as Pattern[]).flatMap((pattern) =>
    connections.map((each) => ({ connections: each, pattern })),
  );

export const posts: Work = {
  key: "posts",
  title: "Single POSTs",
  rows: (scale) =>
    wanted(scale).map((each): Row => {
      const key = postKey(each);
      const goal = goals[each.pattern];
      const place = scale.connections.indexOf(each.connections);
      const title = `${each.connections} connections, ${patterns[each.pattern]}`;
      const atLeast = goal?.a[place];
      return {
        key,
        title,
        unit: "orders/s",
        ratios: [
          { contender: "a", rows: [key], ...(atLeast !== undefined && { atLeast }) },
          { contender: "b", rows: [key], ...(goal !== undefined && { atLeast: goal.b }) },
        ],
      };
    }),
  cases: (context) =>
    wanted(context.scale).flatMap((each) =>
      participants(context, each).map((contender) => postCase(context, contender, each)),
    ),
};

/** HTTP alone does not know one product from another. */
function participants({ contenders }: Context, { pattern }: Wanted): Contender[] {
  return contenders.filter(({ key, start }) => start !== undefined && (key !== httpAlone.key || pattern === "uniform"));
}

function postCase(context: Context, contender: Contender, each: Wanted): Case {
  const row = postKey(each);
  return {
    title: `${each.connections} connections, ${patterns[each.pattern]}: ${contender.title}`,
    run: async () => {
      const player = await context.field.player(contender);
      const productIds = each.pattern === "hot" ? [await player.newProduct()] : player.productIds;
      const distribution = each.pattern === "zipf" ? "zipf" : "uniform";
      const load = postsOf(player, { seconds: context.scale.seconds, productIds, distribution, ...each });
      const warmUp = { ...load, seconds: context.scale.warmUpSeconds };
      const { sample } = await measureLoad(context, player, load, warmUp);
      return [{ row, contender: contender.key, title: contender.title, sample }];
    },
  };
}

type Chosen = {
  readonly seconds: number;
  readonly connections: number;
  readonly productIds: readonly string[];
  readonly distribution: Distribution;
  readonly resentPercent?: number;
  readonly headers?: Readonly<Record<string, string>>;
};

export function postsOf(
  { running }: Player,
  { seconds, connections, productIds, distribution, ...more }: Chosen,
): Posts {
  const common = { kind: "posts", url: running.postUrl, seconds, connections, productIds, distribution } as const;
  return { ...common, headers: {}, ...more };
}
