import type pg from "pg";
import { isAsWanted, putKindOf } from "../../catalogue-store.ts";
import type { BeforeCommit, CatalogueStore, Category, NewProduct, Product } from "../../catalogue-store.ts";
import { StoreUnavailable } from "../../ledger-store.ts";
import { textArray } from "../binary-arrays.ts";
import { categoriesSql } from "./categories.ts";
import { changeProductStatement, lockCategorySql } from "./change-product.ts";
import { createProductSql } from "./create-product.ts";
import { listProductsStatement } from "./list-products.ts";
import { productOf } from "./product-columns.ts";
import type { ProductRow } from "./product-columns.ts";
import { productsSql } from "./products.ts";
import { lockCategoriesSql, putProductsSql, withStockSql } from "./put-products.ts";
import { createQuery } from "./query.ts";
import { createTransaction } from "./transaction.ts";

/** Rolls a transaction back, to be begun again. */
class AddedMeanwhile extends TypeError {}

type ListedRow = ProductRow & { quantity: number | null; version: number | null; sort_key: string };

/** `pool` stays the caller's. */
export function createPostgresCatalogueStore(pool: pg.Pool): CatalogueStore {
  const query = createQuery(pool);
  const transaction = createTransaction(pool);

  const products = async (ids: readonly string[]): Promise<(Product | null)[]> => {
    if (ids.length === 0) return [];
    const rows = await query<ProductRow>(productsSql, [textArray(ids)]);
    const byId = new Map(rows.map((row) => [row.product_id, productOf(row)]));
    return ids.map((id) => byId.get(id) ?? null);
  };

  /** Resolves to those that were written, and whether they are new. */
  const put = async (wanted: readonly NewProduct[], beforeCommit?: BeforeCommit): Promise<Map<string, boolean>> => {
    const ids = wanted.map(({ id }) => id);
    for (;;) {
      const isNew = await transaction(async (ask) => {
        const there = await ask<{ product_id: string; category: string }>(lockCategoriesSql, [textArray(ids)]);
        const before = new Map(there.map((row) => [row.product_id, row.category]));
        const rows = await ask<{ product_id: string; is_new: boolean }>(putProductsSql, [JSON.stringify(wanted)]);
        const written = new Map(rows.map((row) => [row.product_id, row.is_new]));
        // Somebody added it after the look: which category it was in is not known.
        if (rows.some((row) => !row.is_new && !before.has(row.product_id))) throw new AddedMeanwhile();
        const touched = wanted
          .filter(({ id }) => written.has(id))
          .map(({ id, category }) => ({
            productId: id,
            categories: [...new Set([before.get(id) ?? category, category])],
          }));
        if (touched.length > 0) await beforeCommit?.(touched);
        return written;
      }).catch((error: unknown) => {
        if (error instanceof AddedMeanwhile) return null;
        throw error;
      });
      // No product goes away: each turn there are fewer to be added.
      if (isNew !== null) return isNew;
    }
  };

  return {
    products,
    create: async (product, beforeCommit) => {
      const { id, name, category, priceCents, currency, description, imageUrl, initialStock, lowStockAt } = product;
      const values = [id, name, category, priceCents, currency, description, imageUrl, initialStock, lowStockAt];
      const isAdded = await transaction(async (ask) => {
        const added = await ask(createProductSql, values);
        if (added.length > 0) await beforeCommit?.([{ productId: id, categories: [category] }]);
        return added.length > 0;
      });
      if (isAdded) return { product: { ...product, revision: 1, archived: false }, created: true };
      const [stored] = await products([id]);
      if (stored === null || stored === undefined) throw new StoreUnavailable("the product was there and is gone");
      return { product: stored, created: false };
    },
    change: async (id, change, revisions, beforeCommit) => {
      const { statement, values } = changeProductStatement(id, change, revisions);
      const isChanged = await transaction(async (ask) => {
        const [before] = await ask<{ category: string }>(lockCategorySql, [id]);
        const changed = before === undefined ? [] : await ask(statement, values);
        if (before === undefined || changed.length === 0) return false;
        const categories = new Set([before.category, change.category ?? before.category]);
        await beforeCommit?.([{ productId: id, categories: [...categories] }]);
        return true;
      });
      const [product] = await products([id]);
      if (product === null || product === undefined) return { kind: "unknown" };
      return { kind: isChanged || isAsWanted(product, change) ? "changed" : "conflict", product };
    },
    putAll: async (wanted, isTrial, beforeCommit) => {
      const ids = wanted.map(({ id }) => id);
      const before = isTrial ? await products(ids) : null;
      const isNew = isTrial ? new Map<string, boolean>() : await put(wanted, beforeCommit);
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
