// Peer (c): the design that Tallyman replaces (bench/seed-shop), here for its rate alone. What it oversells, `npm run race` shows.
import { openSeedShop } from "../../seed-shop/shop.ts";
import type { Contender } from "../contender.ts";

const workers = 4;
const addAtOnce = 16;

export const seed: Contender = {
  key: "c",
  title: "(c) the seed's design, which oversells",
  onlyWithAll: false,
  start: async (bench) => {
    const shop = await openSeedShop(bench, workers);
    return {
      postUrl: `${shop.url}/orders`,
      batchUrl: null,
      acceptedStatus: 201,
      decidesBeforeAnswer: true,
      takesOrderIds: false,
      pids: shop.pids,
      addProducts: async (ids, units) => {
        for (let from = 0; from < ids.length; from += addAtOnce)
          await Promise.all(ids.slice(from, from + addAtOnce).map((id) => shop.addProduct(id, units)));
      },
      untilStored: () => Promise.resolve(),
      stored: async () => ({ accepted: await shop.countOrders(), rejected: 0 }),
      verify: () => Promise.resolve([]),
      [Symbol.asyncDispose]: () => shop[Symbol.asyncDispose](),
    };
  },
};
