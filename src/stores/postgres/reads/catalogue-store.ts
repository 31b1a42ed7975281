import type pg from "pg";
import type { CatalogueStore, Product, StockedProduct } from "../../catalogue-store.ts";
import { StoreUnavailable } from "../../ledger-store.ts";
import { textArray } from "../binary-arrays.ts";
import { createProductSql } from "./create-product.ts";
import { productPageSql } from "./product-page.ts";
import { productsSql } from "./products.ts";
import { createQuery } from "./query.ts";

type ProductRow = {
  product_id: string;
  name: string;
  category: string;
  price_cents: number;
  currency: string;
  description: string | null;
  initial_stock: number;
  revision: number;
  archived: boolean;
};
type StockedRow = ProductRow & { quantity: number | null; version: number | null };

/** `pool` stays the caller's. */
export function createPostgresCatalogueStore(pool: pg.Pool): CatalogueStore {
  const query = createQuery(pool);

  const products = async (ids: readonly string[]): Promise<(Product | null)[]> => {
    if (ids.length === 0) return [];
    const rows = await query<ProductRow>(productsSql, [textArray(ids)]);
    const byId = new Map(rows.map((row) => [row.product_id, productOf(row)]));
    return ids.map((id) => byId.get(id) ?? null);
  };

  return {
    products,
    create: async (product) => {
      const { id, name, category, priceCents, currency, description, initialStock } = product;
      const values = [id, name, category, priceCents, currency, description, initialStock];
      const [row] = await query<ProductRow>(createProductSql, values);
      if (row !== undefined) return { product: productOf(row), created: true };
      const [stored] = await products([id]);
      if (stored === null || stored === undefined) throw new StoreUnavailable("the product was there and is gone");
      return { product: stored, created: false };
    },
    page: async (after, limit): Promise<StockedProduct[]> => {
      const rows = await query<StockedRow>(productPageSql, [after, limit]);
      return rows.map((row) => ({
        product: productOf(row),
        stock: row.quantity === null || row.version === null ? null : { quantity: row.quantity, version: row.version },
      }));
    },
  };
}

const productOf = (row: ProductRow): Product => ({
  id: row.product_id,
  name: row.name,
  category: row.category,
  priceCents: row.price_cents,
  currency: row.currency,
  description: row.description,
  initialStock: row.initial_stock,
  revision: row.revision,
  archived: row.archived,
});
