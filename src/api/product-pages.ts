/**
 * Pages of products: what is kept are descriptions, as pieces of the answer between which quantities are put. Quantities are read for each
 * answer, so that they are as fresh as the decisions, however old the page is.
 */
import { hash } from "node:crypto";
import { limits } from "../limits.ts";
import type {
  CatalogueStore,
  ListingPosition,
  Product as CatalogueProduct,
  ProductListing,
} from "../stores/catalogue-store.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { Stock } from "../schemas/lines.ts";
import { allProductsScope, categoryScope, productScope, shelfScope } from "../stores/page-cache.ts";
import type { PageCache } from "../stores/page-cache.ts";
import { createTickBatch } from "../stores/tick-batch.ts";
import type { Clock } from "../clock.ts";
import { createPages } from "./pages.ts";
import type { ReadPage } from "./pages.ts";
import { cursorOf } from "./product-listing.ts";
import type { StocksReader } from "./stock-reader.ts";
import { noStock } from "./stock-reader.ts";

/** `body` is the answer's JSON; `tag` its entity tag. */
export type ProductsAnswer = { readonly body: string; readonly tag: string };

/**
 * The page's JSON, with a gap for quantity and version of each product. `tag`: the entity tag of one product, around the version; null: it is a
 * digest of everything.
 */
type ProductsText = {
  readonly productIds: readonly string[];
  readonly pieces: readonly string[];
  readonly tag: readonly [head: string, tail: string] | null;
};
type ProductsContent = ProductsText & { readonly digest: string };

export type ProductPages = {
  /** Null: no such product. */
  product(productId: string): Promise<ReadPage<ProductsAnswer> | null>;
  list(listing: ProductListing, after: ListingPosition | null, limit: number): Promise<ReadPage<ProductsAnswer>>;
  categories(): Promise<ReadPage<ProductsAnswer>>;
};

export type ProductPagesOptions = {
  /** Null: PostgreSQL is always read. */
  readonly cache: PageCache | null;
  readonly catalogue: CatalogueStore;
  readonly readStocks: StocksReader;
  /** Told of each product that was read from PostgreSQL by itself. */
  readonly remember: (product: CatalogueProduct) => void;
  /** Throws where PostgreSQL need not be asked. */
  readonly beforeProduct: (productId: string) => void;
  readonly metrics: Pick<Metrics, "cacheFailures">;
  readonly clock: Pick<Clock, "after" | "monotonic" | "soon">;
};

/** All reject with `StoreUnavailable` when neither Redis nor PostgreSQL can tell. */
export function createProductPages(options: ProductPagesOptions): ProductPages {
  const { cache, catalogue, readStocks, remember, beforeProduct, metrics, clock } = options;
  const find = createTickBatch<string, CatalogueProduct | null>(
    limits.lookupIdsMax,
    (ids) => catalogue.products(ids),
    clock,
  );
  const complete = async (content: ProductsContent): Promise<ProductsAnswer> =>
    filledIn(content, await readStocks(content.productIds));
  const read = createPages({ cache, parse: parseContent, complete, metrics, clock });

  const loadProduct = async (productId: string): Promise<string | null> => {
    beforeProduct(productId);
    const product = await find(productId);
    if (product === null) return null;
    remember(product);
    return JSON.stringify(productText(product));
  };
  const loadPage = async (listing: ProductListing, after: ListingPosition | null, limit: number) => {
    // One more than asked for tells whether there is a next page.
    const found = await catalogue.list(listing, after, limit + 1);
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const next = found.length > limit && last !== undefined ? cursorOf(last.position, listing) : null;
    const text = listText(
      page.map(({ product }) => product),
      next,
    );
    return { text, stocks: page.map(({ stock }) => stock ?? noStock) };
  };

  return {
    product: (productId) =>
      read({ key: keyOf("product", productId), scopes: [productScope(productId)] }, () => loadProduct(productId)),
    list: async (listing, after, limit) => {
      // Nothing of what was typed is a word.
      if (listing.words?.length === 0) return { answer: filledIn(contentOf(listText([], null)), []), source: "bypass" };
      if (listing.inStock !== undefined) {
        // Who is on it changes with every decision: it is read as it is, and so are its quantities.
        const { text, stocks } = await loadPage(listing, after, limit);
        return { answer: filledIn(contentOf(text), stocks), source: "bypass" };
      }
      const key = keyOf("list", listing, after, limit);
      const scopes = [listing.category === undefined ? allProductsScope : categoryScope(listing.category), shelfScope];
      return there(
        await read({ key, scopes }, async () => JSON.stringify((await loadPage(listing, after, limit)).text)),
      );
    },
    categories: async () => {
      const load = async (): Promise<string> => {
        const pieces = [JSON.stringify({ categories: await catalogue.categories() })];
        return JSON.stringify({ productIds: [], pieces, tag: null } satisfies ProductsText);
      };
      return there(await read({ key: keyOf("categories"), scopes: [allProductsScope, shelfScope] }, load));
    },
  };
}

function there<Answer>(page: Answer | null): Answer {
  if (page === null) throw new TypeError("a list is always there, if empty");
  return page;
}

/** The same for what is asked for in other words: listings are as `listingOf` makes them, members in their order. */
const keyOf = (...asked: readonly unknown[]): string => digestOf(JSON.stringify(asked));
const digestOf = (text: string): string => hash("sha256", text, "base64url").slice(0, 22);

/** Only this file writes such pages. */
const parseContent = (text: string): ProductsContent => contentOf(JSON.parse(text) as ProductsText);

const contentOf = (text: ProductsText): ProductsContent => ({
  ...text,
  digest: text.tag === null ? digestOf(text.pieces.join("\n")) : "",
});

function filledIn({ productIds, pieces, tag, digest }: ProductsContent, stocks: readonly Stock[]): ProductsAnswer {
  let body = pieces[0] ?? "";
  let versions = "";
  for (let at = 0; at < productIds.length; at++) {
    const { quantity, version } = stocks[at] ?? noStock;
    body += `${quantity},"version":${version}${pieces[at + 1] ?? ""}`;
    versions += `${version} `;
  }
  if (tag === null) return { body, tag: `"${digest}${versions === "" ? "" : `-${digestOf(versions)}`}"` };
  return { body, tag: `"${tag[0]}${stocks[0]?.version ?? 0}${tag[1]}"` };
}

/** As `productView` and `productTag` have it. */
function productText(product: CatalogueProduct): ProductsText {
  const tag = [`${product.revision}-`, product.archived ? "-archived" : ""] as const;
  return { productIds: [product.id], pieces: piecesOf(product), tag };
}

function listText(products: readonly CatalogueProduct[], next: string | null): ProductsText {
  const pieces: string[] = [];
  let before = '{"products":[';
  for (const product of products) {
    const [head, tail] = piecesOf(product);
    pieces.push(before + head);
    before = `${tail},`;
  }
  const end = products.length === 0 ? before : before.slice(0, -1);
  return {
    productIds: products.map(({ id }) => id),
    pieces: [...pieces, `${end}],"next":${JSON.stringify(next)}}`],
    tag: null,
  };
}

function piecesOf(product: CatalogueProduct): [head: string, tail: string] {
  const { id, name, category, priceCents, currency, description, imageUrl, lowStockAt, revision, archived } = product;
  const head = JSON.stringify({ id, name, category, priceCents, currency, description, imageUrl, lowStockAt });
  return [`${head.slice(0, -1)},"quantity":`, `,"revision":${revision},"archived":${archived}}`];
}
