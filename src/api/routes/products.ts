import { limits } from "../../limits.ts";
import type { Stock } from "../../schemas/lines.ts";
import type { Product as CatalogueProduct } from "../../stores/catalogue-store.ts";
import type { ApiServer } from "../api-server.ts";
import { productCursor, readProductCursor } from "../cursors.ts";
import { answer } from "../schemas/answer.ts";
import { ListProductsQuery, Product, ProductPage, ProductParams } from "../schemas/products.ts";
import { problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";
import { staleHeader } from "../stale-header.ts";
import { noStock } from "../stock-reader.ts";
import { unknownProduct } from "./stock-commands.ts";

const tags = ["products"];
const readSchema = {
  operationId: "readProduct",
  tags,
  summary: "Read a product and its stock",
  params: ProductParams,
  response: {
    200: answer("The product", Product, "Cache-Control", "X-Tallyman-Stale"),
    ...problemResponses(["invalid_request", "unknown_product", "store_unavailable"]),
  },
};
const listSchema = {
  operationId: "listProducts",
  tags,
  summary: "List products in the order of their ids",
  querystring: ListProductsQuery,
  response: {
    200: answer("One page", ProductPage),
    ...problemResponses(["invalid_request", "invalid_cursor", "store_unavailable"]),
  },
};

export function productRoutes(app: ApiServer, { catalogue, isStoreAway, products, readStock }: ApiServices): void {
  app.get("/products/:id", { schema: readSchema }, async (request, reply) => {
    const productId = request.params.id;
    // Asked at once: most of the time neither needs PostgreSQL.
    const [product, stock] = await Promise.all([catalogue.find(productId), readStock(productId)]);
    if (product === null) throw unknownProduct(productId);
    if (isStoreAway()) reply.header(staleHeader, "1");
    return reply.header("cache-control", "no-store").send(productView(product, stock));
  });

  app.get("/products", { schema: listSchema }, async ({ query }) => {
    const { cursor, limit = limits.pageSizeDefault } = query;
    const after = cursor === undefined ? null : readProductCursor(cursor);
    // One more than asked for tells whether there is a next page.
    const found = await products.page(after, limit + 1);
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return {
      products: page.map(({ product, stock }) => productView(product, stock ?? noStock)),
      next: found.length > limit && last !== undefined ? productCursor(last.product.id) : null,
    };
  });
}

export function productView(product: CatalogueProduct, { quantity, version }: Stock): Product {
  const { id, name, category, priceCents, currency, description, revision, archived } = product;
  return { id, name, category, priceCents, currency, description, quantity, version, revision, archived };
}
