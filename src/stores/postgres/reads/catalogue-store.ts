import type pg from "pg";
import { isAsWanted, putKindOf } from "../../catalogue-store.ts";
import type { CatalogueStore, Category, Product } from "../../catalogue-store.ts";
import { StoreUnavailable } from "../../ledger-store.ts";
import { textArray } from "../binary-arrays.ts";
import { categoriesSql } from "./categories.ts";
import { changeProductStatement } from "./change-product.ts";
import { createProductSql } from "./create-product.ts";
import { listProductsStatement } from "./list-products.ts";
import { productOf } from "./product-columns.ts";
import type { ProductRow } from "./product-columns.ts";
import { productsSql } from "./products.ts";
import { putProductsSql, withStockSql } from "./put-products.ts";
import { createQuery } from "./query.ts";

type ListedRow = ProductRow & { quantity: number | null; version: number | null; sort_key: string };

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
      const { id, name, category, priceCents, currency, description, imageUrl, initialStock } = product;
      const values = [id, name, category, priceCents, currency, description, imageUrl, initialStock];
      const added = await query(createProductSql, values);
      if (added.length > 0) return { product: { ...product, revision: 1, archived: false }, created: true };
      const [stored] = await products([id]);
      if (stored === null || stored === undefined) throw new StoreUnavailable("the product was there and is gone");
      return { product: stored, created: false };
    },
    change: async (id, change, revisions) => {
      const { statement, values } = changeProductStatement(id, change, revisions);
      const changed = await query(statement, values);
      const [product] = await products([id]);
      if (product === null || product === undefined) return { kind: "unknown" };
      return { kind: changed.length > 0 || isAsWanted(product, change) ? "changed" : "conflict", product };
    },
    putAll: async (wanted, isTrial) => {
      const ids = wanted.map(({ id }) => id);
      const before = isTrial ? await products(ids) : null;
      const written = isTrial
        ? []
        : await query<{ product_id: string; is_new: boolean }>(putProductsSql, [JSON.stringify(wanted)]);
      const isNew = new Map(written.map((row) => [row.product_id, row.is_new]));
      const [stored, stocked] = await Promise.all([
        before ?? products(ids),
        query<{ product_id: string }>(withStockSql, [textArray(ids)]),
      ]);
      const hasStock = new Set(stocked.map((row) => row.product_id));
      return wanted.map((product, at) => {
        const { id } = product;
        const kind = isNew.has(id) ? (isNew.get(id) === true ? "created" : "changed") : "unchanged";
        return {
          kind: isTrial ? putKindOf(stored[at], product) : kind,
          product: stored[at] ?? { ...product, revision: 1, archived: false },
          hasStock: hasStock.has(id),
        };
      });
    },
    list: async (listing, after, limit) => {
      const { statement, values } = listProductsStatement(listing, after, limit);
      const rows = await query<ListedRow>(statement, values);
      return rows.slice(0, limit).map((row) => ({
        product: productOf(row),
        stock: row.quantity === null || row.version === null ? null : { quantity: row.quantity, version: row.version },
        position: { key: row.sort_key, productId: row.product_id },
      }));
    },
    categories: () => query<Category>(categoriesSql, []),
  };
}
