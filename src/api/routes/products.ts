import type { FastifyReply } from "fastify";
import { limits } from "../../limits.ts";
import type { Stock } from "../../schemas/lines.ts";
import type { Product as CatalogueProduct } from "../../stores/catalogue-store.ts";
import { StoreUnavailable } from "../../stores/ledger-store.ts";
import type { ApiServer } from "../api-server.ts";
import { hasAlready, productTag, sendNotModified } from "../entity-tags.ts";
import type { ReadPage } from "../pages.ts";
import { listingOf, positionOf } from "../product-listing.ts";
import type { ProductsAnswer } from "../product-pages.ts";
import { answer, pageNotModified } from "../schemas/answer.ts";
import { IfNoneMatchHeaders } from "../schemas/fields.ts";
import { Categories, ListProductsQuery, Product, ProductPage, ProductParams } from "../schemas/products.ts";
import { problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";
import { staleHeader } from "../stale-header.ts";
import { unknownProduct } from "./stock-commands.ts";

const tags = ["products"];
const pageHeaders = ["ETag", "Cache-Control", "X-Cache", "X-Tallyman-Stale"] as const;
const readSchema = {
  operationId: "readProduct",
  tags,
  summary: "Read a product and its stock",
  params: ProductParams,
  headers: IfNoneMatchHeaders,
  response: {
    200: answer("The product", Product, ...pageHeaders),
    304: pageNotModified,
    ...problemResponses(["invalid_request", "unknown_product", "store_unavailable"]),
  },
};
const listSchema = {
  operationId: "listProducts",
  tags,
  summary: "List products, or search them",
  description:
    "A search finds products in which each word begins a word of the name, the category or the description, the best first; then those whose names look like what was typed. A search for one word of one or two letters finds the names that begin with it, by name (in Chinese, Japanese and Korean scripts two are a word like any other).",
  querystring: ListProductsQuery,
  headers: IfNoneMatchHeaders,
  response: {
    200: answer("One page", ProductPage, ...pageHeaders),
    304: pageNotModified,
    ...problemResponses(["invalid_request", "invalid_cursor", "store_unavailable"]),
  },
};

const categoriesSchema = {
  operationId: "listCategories",
  tags,
  summary: "List the categories that have products",
  headers: IfNoneMatchHeaders,
  response: {
    200: answer("All of them", Categories, ...pageHeaders),
    304: pageNotModified,
    ...problemResponses(["store_unavailable"]),
  },
};

type PageKind = "product" | "list" | "search" | "categories";
type Asked = { readonly request: { readonly headers: { "if-none-match"?: string } }; readonly reply: FastifyReply };

export function productRoutes(app: ApiServer, services: ApiServices): void {
  const { catalogue, isStoreAway, metrics, productPages, readStock } = services;

  const send = (
    page: PageKind,
    { answer: { body, tag }, source }: ReadPage<ProductsAnswer>,
    { request, reply }: Asked,
  ) => {
    metrics.pageReads.inc({ page, cache: source });
    reply.header("etag", tag).header("cache-control", "no-cache").header("x-cache", source.toUpperCase());
    if (isStoreAway()) reply.header(staleHeader, "1");
    if (hasAlready(request.headers["if-none-match"], tag)) return sendNotModified(reply);
    return reply.header("content-type", "application/json; charset=utf-8").send(body);
  };
  /** What this process knows, where neither Redis nor PostgreSQL has told. */
  const knownProduct = async (productId: string): Promise<ReadPage<ProductsAnswer> | null> => {
    const [product, stock] = await Promise.all([catalogue.find(productId), readStock(productId)]);
    if (product === null) return null;
    const view = productView(product, stock);
    return { answer: { body: JSON.stringify(view), tag: productTag(view) }, source: "bypass" };
  };

  app.get("/products/:id", { schema: readSchema }, async (request, reply) => {
    const productId = request.params.id;
    const page = await productPages.product(productId).catch((error: unknown) => {
      if (!(error instanceof StoreUnavailable)) throw error;
      return knownProduct(productId);
    });
    if (page === null) throw unknownProduct(productId);
    return send("product", page, { request, reply });
  });

  app.get("/products", { schema: listSchema }, async (request, reply) => {
    const { query } = request;
    const { cursor, limit = limits.pageSizeDefault } = query;
    const listing = listingOf(query);
    const after = cursor === undefined ? null : positionOf(cursor, listing);
    const page = await productPages.list(listing, after, limit);
    return send(listing.words === undefined ? "list" : "search", page, { request, reply });
  });

  app.get("/categories", { schema: categoriesSchema }, async (request, reply) =>
    send("categories", await productPages.categories(), { request, reply }),
  );
}

export function productView(product: CatalogueProduct, { quantity, version }: Stock): Product {
  const { id, name, category, priceCents, currency, description, imageUrl, lowStockAt, revision, archived } = product;
  return {
    id,
    name,
    category,
    priceCents,
    currency,
    description,
    imageUrl,
    lowStockAt,
    quantity,
    version,
    revision,
    archived,
  };
}
