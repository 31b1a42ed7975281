import type { Stock } from "../../schemas/lines.ts";
import type { Product } from "../../stores/catalogue-store.ts";

/** What is told of a product's stock. */
export type StockFact = { readonly productId: string } & Stock;

export const stockFact = (productId: string, { quantity, version }: Stock): StockFact => ({
  productId,
  quantity,
  version,
});

/** What is told of what a product is. Whether it is archived changes with its stock, and is read. */
export function describeProduct(product: Product) {
  const { id, name, category, priceCents, currency, description, imageUrl, revision } = product;
  return { id, name, category, priceCents, currency, description, imageUrl, revision };
}
