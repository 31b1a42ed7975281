import type { NewProduct } from "../stores/catalogue-store.ts";
import type { ImportedProduct } from "./schemas/products.ts";

/** What a caller sends of a whole product, with what it is where that says nothing. */
export function newProduct(sent: ImportedProduct): NewProduct {
  const { id, name, category, priceCents, currency, description, imageUrl, initialStock, lowStockAt } = sent;
  return {
    id,
    name,
    category,
    priceCents,
    currency: currency ?? "EUR",
    description: description ?? null,
    imageUrl: imageUrl ?? null,
    initialStock: initialStock ?? 0,
    lowStockAt: lowStockAt ?? null,
  };
}
