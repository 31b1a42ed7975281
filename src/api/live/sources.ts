/**
 * Where what is followed is read.
 *
 * I1 It is read after it was asked for, never by a question that was under way before: what the feed told in between would be missed. So
 *    stock and products are read from PostgreSQL, in questions of many, and by the readers' own way, who share theirs, only while that is away.
 */
import type { Clock } from "../../clock.ts";
import { limits } from "../../limits.ts";
import type { Stock } from "../../schemas/lines.ts";
import type { OrderDocument } from "../../schemas/order-document.ts";
import { decidedOrder } from "../../schemas/order-document.ts";
import type { CatalogueStore, Product } from "../../stores/catalogue-store.ts";
import { StoreUnavailable } from "../../stores/ledger-store.ts";
import type { OrderReads } from "../../stores/order-reads.ts";
import { createTickBatch } from "../../stores/tick-batch.ts";
import { noTracking } from "../../stores/tracking-store.ts";
import type { Tracking, TrackingStore } from "../../stores/tracking-store.ts";
import type { Catalogue } from "../catalogue.ts";
import type { OrderFinder } from "../order-finder.ts";
import { requireOrder } from "../routes/read-order.ts";
import { unknownProduct } from "../routes/stock-commands.ts";
import { noStock } from "../stock-reader.ts";
import type { StockReader } from "../stock-reader.ts";
import { stockFact } from "./described-product.ts";
import { OrderFacts, ProductFacts } from "./live-state.ts";
import type { Facts, LiveKind, Position } from "./live-state.ts";

/** All reject with `StoreUnavailable` when nobody who knows can be asked. */
export type LiveSource = {
  /** Rejects as a reader is answered when there is none. */
  find(id: string): Promise<Facts>;
  /** After it was told that the position is reached: where that is read first. */
  changed(id: string, position: Position): Promise<Facts | null>;
  /** As PostgreSQL has them, one result for each id; null: it has nothing. */
  stored(ids: readonly string[]): Promise<(Facts | null)[]>;
};

export type LiveSourcesOptions = {
  readonly finder: Pick<OrderFinder, "find" | "glance" | "decided">;
  readonly catalogue: Pick<Catalogue, "find">;
  readonly products: Pick<CatalogueStore, "products" | "list">;
  readonly readStock: StockReader;
  readonly orders: Pick<OrderReads, "lines" | "stock">;
  readonly tracking: TrackingStore;
  readonly clock: Pick<Clock, "soon">;
};

export function createLiveSources(options: LiveSourcesOptions): Readonly<Record<LiveKind, LiveSource>> {
  return { order: orderSource(options), product: productSource(options) };
}

function orderSource({ finder, orders, tracking, clock }: LiveSourcesOptions): LiveSource {
  const ask = createTickBatch<string, Tracking>(limits.lookupIdsMax, (ids) => tracking.tracking(ids), clock);
  /** Of an order that is not packed nothing of its way is told, so nobody is asked. */
  const factsOf = async (order: OrderDocument): Promise<OrderFacts> =>
    new OrderFacts(order, order.fulfilment === null ? noTracking : await ask(order.orderId));
  return {
    find: async (id) => {
      const order = await requireOrder(finder, id);
      try {
        return await factsOf(order);
      } catch (error) {
        if (error instanceof StoreUnavailable) return new OrderFacts(order, noTracking);
        throw error;
      }
    },
    changed: async (id, [revision]) => {
      const glanced = await finder.glance(id);
      const order = glanced !== null && glanced.revision >= revision ? glanced : await finder.decided(id);
      return order === null ? null : factsOf(order);
    },
    stored: async (ids) => {
      const [lines, ways] = await Promise.all([orders.lines(ids), tracking.tracking(ids)]);
      return lines.map((line, index) =>
        line?.type === "PlaceOrder"
          ? new OrderFacts(decidedOrder(line, line.decidedAt), ways[index] ?? noTracking)
          : null,
      );
    },
  };
}

function productSource({ catalogue, products, readStock, orders, clock }: LiveSourcesOptions): LiveSource {
  const askStock = createTickBatch<string, Stock | null>(limits.lookupIdsMax, (ids) => orders.stock(ids), clock);
  const askProduct = createTickBatch<string, Product | null>(
    limits.lookupIdsMax,
    (ids) => products.products(ids),
    clock,
  );
  /** I1 */
  const orElse = <Result>(asked: Promise<Result>, otherwise: () => Promise<Result>): Promise<Result> =>
    asked.catch((error: unknown) => {
      if (error instanceof StoreUnavailable) return otherwise();
      throw error;
    });
  const facts = (id: string, stock: Stock | null, product: Product | null): ProductFacts =>
    new ProductFacts(stockFact(id, stock ?? noStock), product);
  return {
    find: async (id) => {
      const [product, stock] = await Promise.all([
        orElse(askProduct(id), () => catalogue.find(id)),
        orElse(askStock(id), () => readStock(id)),
      ]);
      if (product === null) throw unknownProduct(id);
      return facts(id, stock, product);
    },
    // The feed tells of stock what it is.
    changed: async (id) => new ProductFacts(null, await askProduct(id)),
    stored: async (ids) => {
      const [stock, described] = await Promise.all([orders.stock(ids), products.products(ids)]);
      return ids.map((id, index) => facts(id, stock[index] ?? null, described[index] ?? null));
    },
  };
}
