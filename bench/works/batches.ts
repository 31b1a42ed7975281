// Orders in batches as NDJSON, each decided and stored; and the same through Tallyman's own client.
import type { Contender } from "../contenders/contender.ts";
import { tallyman } from "../contenders/tallyman/tallyman.ts";
import type { Batches, ClientBatches } from "../load/loads.ts";
import { measureLoad } from "./measure-load.ts";
import { postKey } from "./posts.ts";
import type { Case, Context, Row, Work } from "./work.ts";

export const batches: Work = {
  key: "batches",
  title: "Batches",
  rows: ({ batchLines, batchConnections, connections }): Row[] => {
    const single = connections.map((each) => postKey({ connections: each, pattern: "uniform" }));
    const of = `of ${batchLines.toLocaleString("en")} orders, ${batchConnections} connections`;
    return [
      {
        key: "batches",
        title: `NDJSON ${of}`,
        unit: "orders/s",
        ratios: [
          { contender: "a", rows: single, atLeast: 18 },
          { contender: "b", rows: ["batches"], atLeast: 0.8 },
        ],
      },
      {
        key: "batches-client",
        title: `by tallyman/client ${of}`,
        unit: "orders/s",
        ratios: [{ contender: "a", rows: single }],
      },
    ];
  },
  cases: (context) => [
    ...context.contenders.filter(({ start }) => start !== undefined).map((each) => batchCase(context, each, "batches")),
    ...context.contenders.filter(({ key }) => key === tallyman.key).map((each) => batchCase(context, each, "client")),
  ],
};

function batchCase(context: Context, contender: Contender, kind: "batches" | "client"): Case {
  const { scale } = context;
  return {
    title: `batches${kind === "client" ? " by tallyman/client" : ""}: ${contender.title}`,
    run: async () => {
      const player = await context.field.player(contender);
      const { running, productIds } = player;
      if (running.batchUrl === null) return [];
      const load: Batches | ClientBatches = {
        kind,
        url: running.batchUrl,
        seconds: scale.seconds,
        connections: scale.batchConnections,
        productIds,
        distribution: "uniform",
        headers: {},
        lines: scale.batchLines,
      };
      const { sample } = await measureLoad(context, player, load, { ...load, seconds: scale.warmUpSeconds });
      const row = kind === "client" ? "batches-client" : "batches";
      return [{ row, contender: contender.key, title: contender.title, sample }];
    },
  };
}
