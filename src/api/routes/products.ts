import { limits } from "../../limits.ts";
import type { Stock } from "../../schemas/lines.ts";
import type { Product as CatalogueProduct } from "../../stores/catalogue-store.ts";
import type { ApiServer } from "../api-server.ts";
import { hasAlready, productTag, sendNotModified } from "../entity-tags.ts";
import { cursorOf, listingOf, positionOf } from "../product-listing.ts";
import { answer, notModified } from "../schemas/answer.ts";
import { IfNoneMatchHeaders } from "../schemas/fields.ts";
import { Categories, ListProductsQuery, Product, ProductPage, ProductParams } from "../schemas/products.ts";
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
  headers: IfNoneMatchHeaders,
  response: {
    200: answer("The product", Product, "ETag", "Cache-Control", "X-Tallyman-Stale"),
    304: notModified,
    ...problemResponses(["invalid_request", "unknown_product", "store_unavailable"]),
  },
};
const listSchema = {
  operationId: "listProducts",
  tags,
  summary: "List products, or search them",
  description:
    "A search finds products in which each word begins a word of the name, the category or the description, the best first; then those whose names look like what was typed.",
  querystring: ListProductsQuery,
  response: {
    200: answer("One page", ProductPage),
    ...problemResponses(["invalid_request", "invalid_cursor", "store_unavailable"]),
  },
};

const categoriesSchema = {
  operationId: "listCategories",
  tags,
  summary: "List the categories that have products",
  response: {
    200: answer("All of them", Categories),
    ...problemResponses(["store_unavailable"]),
  },
};

export function productRoutes(app: ApiServer, { catalogue, isStoreAway, products, readStock }: ApiServices): void {
  app.get("/products/:id", { schema: readSchema }, async (request, reply) => {
    const productId = request.params.id;
    // Asked at once: most of the time neither needs PostgreSQL.
    const [product, stock] = await Promise.all([catalogue.find(productId), readStock(productId)]);
    if (product === null) throw unknownProduct(productId);
    if (isStoreAway()) reply.header(staleHeader, "1");
    const view = productView(product, stock);
    const tag = productTag(view);
    reply.header("etag", tag).header("cache-control", "no-cache");
    if (hasAlready(request.headers["if-none-match"], tag)) return sendNotModified(reply);
    return reply.send(view);
  });

  app.get("/products", { schema: listSchema }, async ({ query }) => {
    const { cursor, limit = limits.pageSizeDefault } = query;
    const listing = listingOf(query);
    // Nothing of what was typed is a word.
    if (listing.words?.length === 0) return { products: [], next: null };
    const after = cursor === undefined ? null : positionOf(cursor, listing);
    // One more than asked for tells whether there is a next page.
    const found = await products.list(listing, after, limit + 1);
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return {
      products: page.map(({ product, stock }) => productView(product, stock ?? noStock)),
      next: found.length > limit && last !== undefined ? cursorOf(last.position, listing) : null,
    };
  });

  app.get("/categories", { schema: categoriesSchema }, async () => ({ categories: await products.categories() }));
}

export function productView(product: CatalogueProduct, { quantity, version }: Stock): Product {
  const { id, name, category, priceCents, currency, description, imageUrl, revision, archived } = product;
  return { id, name, category, priceCents, currency, description, imageUrl, quantity, version, revision, archived };
}
