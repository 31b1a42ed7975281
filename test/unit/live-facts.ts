/** What tests of followers have told. */
import { stockFact } from "../../src/api/live/described-product.ts";
import { ProductFacts } from "../../src/api/live/live-state.ts";
import type { Stock } from "../../src/schemas/lines.ts";
import type { Product } from "../../src/stores/catalogue-store.ts";

export const productOf = (id: string, revision = 1): Product => ({
  ...{ id, name: `Chair ${revision}`, category: "furniture", priceCents: 1_250, currency: "EUR" },
  ...{ description: null, imageUrl: null, lowStockAt: null, initialStock: 0, revision, archived: false },
});

/** As the feed tells it. */
export const stockOf = (productId: string, stock: Stock): ProductFacts =>
  new ProductFacts(stockFact(productId, stock), null);
