/**
 * Where the states of what is followed come from.
 *
 * I1 A state is read after it was asked for, never by a question that was under way before: what the feed told in between would be missed. So
 *    stock is read from PostgreSQL, in questions of many, and by the readers' own way, who share theirs, only while that is away.
 */
import type { Clock } from "../../clock.ts";
import { limits } from "../../limits.ts";
import type { Stock } from "../../schemas/lines.ts";
import { decidedOrder } from "../../schemas/order-document.ts";
import { StoreUnavailable } from "../../stores/ledger-store.ts";
import type { OrderReads } from "../../stores/order-reads.ts";
import { createTickBatch } from "../../stores/tick-batch.ts";
import type { Catalogue } from "../catalogue.ts";
import type { OrderFinder } from "../order-finder.ts";
import { undecidedOrder, unknownOrder } from "../routes/read-order.ts";
import { unknownProduct } from "../routes/stock-commands.ts";
import { noStock } from "../stock-reader.ts";
import type { StockReader } from "../stock-reader.ts";
import { orderState, stockState } from "./live-state.ts";
import type { LiveKind, LiveState } from "./live-state.ts";

/** All reject with `StoreUnavailable` when nobody who knows can be asked. */
export type LiveSource = {
  /** Rejects as a reader is answered when there is none. */
  find(id: string): Promise<LiveState>;
  /** After it was told that the position is reached: where that is read first. */
  changed(id: string, position: number): Promise<LiveState | null>;
  /** As PostgreSQL has them, one result for each id; null: it has nothing. */
  stored(ids: readonly string[]): Promise<(LiveState | null)[]>;
};

export type LiveSourcesOptions = {
  readonly finder: Pick<OrderFinder, "find" | "glance" | "decided">;
  readonly catalogue: Pick<Catalogue, "find">;
  readonly readStock: StockReader;
  readonly orders: Pick<OrderReads, "lines" | "stock">;
  readonly clock: Pick<Clock, "soon">;
};

export function createLiveSources(options: LiveSourcesOptions): Readonly<Record<LiveKind, LiveSource>> {
  const { finder, catalogue, readStock, orders, clock } = options;
  const askStock = createTickBatch<string, Stock | null>(limits.lookupIdsMax, (ids) => orders.stock(ids), clock);
  const stockOf = (id: string): Promise<Stock | null> =>
    askStock(id).catch((error: unknown) => {
      if (error instanceof StoreUnavailable) return readStock(id);
      throw error;
    }); // I1

  return {
    order: {
      find: async (id) => {
        const found = await finder.find(id);
        if (found.kind === "unknown") throw unknownOrder(id);
        if (found.kind === "undecided") throw undecidedOrder(id);
        return orderState(found.order);
      },
      changed: async (id, position) => {
        const glanced = await finder.glance(id);
        if (glanced !== null && glanced.revision >= position) return orderState(glanced);
        const decided = await finder.decided(id);
        return decided === null ? null : orderState(decided);
      },
      stored: async (ids) => {
        const lines = await orders.lines(ids);
        return lines.map((line) =>
          line?.type === "PlaceOrder" ? orderState(decidedOrder(line, line.decidedAt)) : null,
        );
      },
    },
    product: {
      find: async (id) => {
        const [product, stock] = await Promise.all([catalogue.find(id), stockOf(id)]);
        if (product === null) throw unknownProduct(id);
        return stockState(id, stock ?? noStock);
      },
      changed: async (id) => stockState(id, (await askStock(id)) ?? noStock),
      stored: async (ids) => {
        const found = await orders.stock(ids);
        return ids.map((id, index) => stockState(id, found[index] ?? noStock));
      },
    },
  };
}
