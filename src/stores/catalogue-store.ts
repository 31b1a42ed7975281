/** The port to the catalogue: what products are. How many units there are is the ledger's, and nothing here writes that. */
import type { Stock } from "../schemas/lines.ts";

export type Product = {
  readonly id: string;
  readonly name: string;
  readonly category: string;
  readonly priceCents: number;
  /** ISO 4217. */
  readonly currency: string;
  readonly description: string | null;
  /** Units that the product's first delivery brings; part of what makes two creations the same. */
  readonly initialStock: number;
  /** Starts at 1, grows when the product changes. */
  readonly revision: number;
  /** Its orders are refused. Written by processors alone, beside the stock; here it is only told. */
  readonly archived: boolean;
};

export type NewProduct = Omit<Product, "revision" | "archived">;
/** A product beside its stock; null: no stock command has been decided yet. */
export type StockedProduct = { readonly product: Product; readonly stock: Stock | null };

/** All methods reject with `StoreUnavailable` when the store is away. */
export type CatalogueStore = {
  /** Adds the product unless its id is taken; returns what is stored under the id now, and whether this call added it. */
  create(product: NewProduct): Promise<{ readonly product: Product; readonly created: boolean }>;
  /** One result for each id, in order; null: not in the catalogue. */
  products(ids: readonly string[]): Promise<(Product | null)[]>;
  /** In the order of their ids, those after `after` (null: from the first). */
  page(after: string | null, limit: number): Promise<StockedProduct[]>;
};
