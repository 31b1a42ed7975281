/**
 * The catalogue in memory: for the simulation and for tests of what is behind the port. Names are in the order of their UTF-16 units; a
 * search finds the beginnings of words alone, all of one rank; a short one the beginnings of names.
 */
import type { Stock } from "../../schemas/lines.ts";
import { contentOf, isAsWanted, isShortSearch, putKindOf } from "../catalogue-store.ts";
import type {
  BeforeCommit,
  CatalogueStore,
  ListedProduct,
  NewProduct,
  Product,
  ProductListing,
} from "../catalogue-store.ts";

type Row = { readonly product: Product; readonly createdAt: string };

/** `products` may be filled from outside; who is later in it was made later. */
export function createMemoryCatalogue(
  stockOf: (productId: string) => Stock | undefined,
  products: Map<string, Product> = new Map<string, Product>(),
): CatalogueStore {
  const asOfNow = (product: Product): Product => ({ ...product, archived: stockOf(product.id)?.archived === true });
  const read = (id: string): Product | undefined => {
    const product = products.get(id);
    return product && asOfNow(product);
  };
  const rows = (): Row[] =>
    [...products.values()].map((product, at) => {
      return { product: asOfNow(product), createdAt: `2026-01-01 00:00:00.${String(at).padStart(6, "0")}+00` };
    });
  const listed = ({ product, createdAt }: Row, sort: ProductListing["sort"]): ListedProduct => {
    const { id, name, priceCents } = product;
    const price = String(priceCents);
    const key = { id: "", name: name.toLowerCase(), price, "-price": price, newest: createdAt, relevance: "1" }[sort];
    return { product, stock: stockOf(id) ?? null, position: { key, productId: id } };
  };
  /** As a transaction would: what is to be written is announced as it is in the end, for nobody writes meanwhile. */
  const announced = async (
    ids: readonly string[],
    written: () => readonly NewProduct[],
    beforeCommit?: BeforeCommit,
  ): Promise<void> => {
    const categoryOf = (id: string): string | undefined => products.get(id)?.category;
    for (;;) {
      const before = ids.map(categoryOf);
      const touched = written().map(({ id, category }) => ({
        productId: id,
        categories: [...new Set([categoryOf(id) ?? category, category])],
      }));
      if (touched.length === 0 || beforeCommit === undefined) return;
      await beforeCommit(touched);
      if (ids.every((id, at) => categoryOf(id) === before[at])) return;
    }
  };
  return {
    create: async (product, beforeCommit) => {
      await announced([product.id], () => (products.has(product.id) ? [] : [product]), beforeCommit);
      const known = read(product.id);
      if (known !== undefined) return { product: known, created: false };
      const added = { ...product, revision: 1, archived: false };
      products.set(product.id, added);
      return { product: added, created: true };
    },
    products: (ids) => Promise.resolve(ids.map((id) => read(id) ?? null)),
    change: async (id, change, revisions, beforeCommit) => {
      const wanted = (): Product | null => {
        const product = read(id);
        if (product === undefined || isAsWanted(product, change)) return null;
        return revisions === null || revisions.includes(product.revision) ? { ...product, ...change } : null;
      };
      await announced([id], () => [wanted()].filter((each) => each !== null), beforeCommit);
      const changed = wanted();
      if (changed !== null) products.set(id, { ...changed, revision: changed.revision + 1 });
      const product = read(id);
      if (product === undefined) return { kind: "unknown" };
      return { kind: changed !== null || isAsWanted(product, change) ? "changed" : "conflict", product };
    },
    putAll: async (wanted, isTrial, beforeCommit) => {
      const written = (): readonly NewProduct[] =>
        isTrial ? [] : wanted.filter((product) => putKindOf(read(product.id), product) !== "unchanged");
      const ids = wanted.map(({ id }) => id);
      await announced(ids, written, beforeCommit);
      return wanted.map((product) => {
        const before = read(product.id);
        const kind = putKindOf(before, product);
        const changed = before === undefined ? product : { ...before, ...contentOf(product) };
        const put = { archived: false, ...changed, revision: (before?.revision ?? 0) + 1 };
        const stored = kind === "unchanged" || isTrial ? (before ?? put) : put;
        if (!isTrial) products.set(product.id, stored);
        return { kind, product: stored, hasStock: stockOf(product.id) !== undefined };
      });
    },
    list: (listing, after, limit) => {
      const sort = listing.sort === "relevance" && isShortSearch(listing) ? "name" : listing.sort;
      const isDescending = ["-price", "newest", "relevance"].includes(sort);
      const all = rows()
        .filter(({ product }) => isIn(listing, product, stockOf(product.id)))
        .map((row) => listed(row, sort))
        .sort((one, other) => compare(one, other) * (isDescending ? -1 : 1));
      const isBehind = (each: ListedProduct): boolean =>
        after === null || compare(each, { position: after }) * (isDescending ? -1 : 1) > 0;
      return Promise.resolve(all.filter(isBehind).slice(0, limit));
    },
    categories: () => {
      const counts = new Map<string, number>();
      for (const { product } of rows())
        if (!product.archived) counts.set(product.category, (counts.get(product.category) ?? 0) + 1);
      const order = (name: string): string => `${name.toLowerCase()}\0${name}`;
      return Promise.resolve(
        [...counts]
          .map(([name, count]) => ({ name, products: count }))
          .sort((one, other) => (order(one.name) < order(other.name) ? -1 : 1)),
      );
    },
  };
}

function isIn(listing: ProductListing, product: Product, stock: Stock | undefined): boolean {
  const { category, inStock, minPriceCents = 0, maxPriceCents = Infinity, words = [], archived } = listing;
  const { priceCents } = product;
  const text = `${product.name} ${product.category} ${product.description ?? ""}`.toLowerCase();
  const own = text.match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return (
    (category === undefined || product.category === category) &&
    (inStock === undefined || (stock?.quantity ?? 0) > 0 === inStock) &&
    (archived === undefined || product.archived === archived) &&
    priceCents >= minPriceCents &&
    priceCents <= maxPriceCents &&
    words.every((word) =>
      isShortSearch(listing) ? product.name.toLowerCase().startsWith(word) : own.some((each) => each.startsWith(word)),
    )
  );
}

type Placed = Pick<ListedProduct, "position">;

/** By the key, numbers as numbers, then by the id. */
function compare({ position: one }: Placed, { position: other }: Placed): number {
  if (one.key === other.key) return one.productId < other.productId ? -1 : Number(one.productId > other.productId);
  const areNumbers = /^[0-9]+$/.test(one.key + other.key);
  return (areNumbers ? Number(one.key) < Number(other.key) : one.key < other.key) ? -1 : 1;
}
