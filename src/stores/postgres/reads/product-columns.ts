/** The columns of `products p left join stock s` that make a product, and how a row becomes one. */
import type { Product } from "../../catalogue-store.ts";

export const productColumns =
  "p.product_id, p.name, p.category, p.price_cents, p.currency, p.description, p.image_url, p.initial_stock, p.low_stock_at, p.revision, coalesce(s.archived, false) as archived";

export type ProductRow = {
  product_id: string;
  name: string;
  category: string;
  price_cents: number;
  currency: string;
  description: string | null;
  image_url: string | null;
  initial_stock: number;
  low_stock_at: number | null;
  revision: number;
  archived: boolean;
};

export const productOf = (row: ProductRow): Product => ({
  id: row.product_id,
  name: row.name,
  category: row.category,
  priceCents: row.price_cents,
  currency: row.currency,
  description: row.description,
  imageUrl: row.image_url,
  initialStock: row.initial_stock,
  lowStockAt: row.low_stock_at,
  revision: row.revision,
  archived: row.archived,
});
