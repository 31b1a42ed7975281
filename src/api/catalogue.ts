/**
 * What this process knows of the catalogue, so that an order costs no question to PostgreSQL.
 *
 * I1 A product is believed for `limits.catalogueCacheTtlMs`; then PostgreSQL is asked, and when it can't be, what is known
 *    is believed on: orders for known products go on without PostgreSQL, and once it is known to be away, without waiting
 *    for it to say nothing.
 * I2 What is not there is never remembered: a product made a moment ago by another instance can be ordered at once.
 * I3 What is known of a product never gets older: an answer that was asked for before the product was changed may come after.
 * I4 Products asked for within one turn of the event loop share one question, and one product has one flight.
 */
import { LRUCache } from "lru-cache";
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { CatalogueStore, Product } from "../stores/catalogue-store.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import { createTickBatch } from "../stores/tick-batch.ts";

export type Catalogue = {
  /** The product, if it is known and may be believed; without waiting. */
  known(productId: string): Product | undefined;
  /** Null: no such product. Rejects with `StoreUnavailable` when that can't be told. */
  find(productId: string): Promise<Product | null>;
  /** The newer one of it and of what is known. */
  remember(product: Product): Product;
  /** Something about it changes: PostgreSQL is asked next time, where it can be. */
  forget(productId: string): void;
};

type Entry = { readonly product: Product; since: Moment; forMs: number };
type Moment = { readonly wallMs: number; readonly monotonicMs: number };
const idsPerQuestionMax = 1_000;

export function createCatalogue(
  store: Pick<CatalogueStore, "products">,
  clock: Pick<Clock, "now" | "monotonic" | "soon"> = systemClock,
  isStoreAway: () => boolean = () => false,
  entriesMax: number = limits.catalogueCacheEntriesMax,
): Catalogue {
  const entries = new LRUCache<string, Entry>({ max: entriesMax });
  const flights = new Map<string, Promise<Product | null>>();
  const ask = createTickBatch<string, Product | null>(idsPerQuestionMax, (ids) => store.products(ids), clock);

  const moment = (): Moment => ({ wallMs: clock.now(), monotonicMs: clock.monotonic() });
  /** By both clocks: one of them may be set, and the other stands still while the machine is suspended. */
  const isYoung = ({ since, forMs }: Entry): boolean => {
    const { wallMs, monotonicMs } = moment();
    const wallAgeMs = wallMs - since.wallMs;
    return wallAgeMs >= 0 && wallAgeMs < forMs && monotonicMs - since.monotonicMs < forMs;
  };
  const remember = (told: Product): Product => {
    const known = entries.get(told.id)?.product;
    if (known !== undefined && known.revision > told.revision) return known; // I3
    entries.set(told.id, { product: told, since: moment(), forMs: limits.catalogueCacheTtlMs });
    return told;
  };
  const refresh = async (productId: string): Promise<Product | null> => {
    try {
      const product = await ask(productId);
      if (product !== null) return remember(product);
      entries.delete(productId);
      return null;
    } catch (error) {
      const entry = entries.get(productId);
      if (entry === undefined || !(error instanceof StoreUnavailable)) throw error;
      Object.assign(entry, { since: moment(), forMs: limits.catalogueRetryMs }); // I1
      return entry.product;
    }
  };
  const known = (productId: string): Product | undefined => {
    const entry = entries.get(productId);
    return entry !== undefined && (isYoung(entry) || isStoreAway()) ? entry.product : undefined; // I1
  };

  return {
    remember,
    forget: (productId) => {
      const entry = entries.get(productId);
      if (entry !== undefined) entry.forMs = 0; // It stays for as long as PostgreSQL is away (I1).
    },
    known,
    find: (productId) => {
      const product = known(productId);
      if (product !== undefined) return Promise.resolve(product);
      const flight = flights.get(productId) ?? refresh(productId).finally(() => flights.delete(productId));
      flights.set(productId, flight); // I4
      return flight;
    },
  };
}
