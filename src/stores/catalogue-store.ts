/** The port to the catalogue: what products are. How many units there are is the ledger's, and nothing here writes that. */
import { limits } from "../limits.ts";
import type { Stock } from "../schemas/lines.ts";

export type Product = {
  readonly id: string;
  readonly name: string;
  readonly category: string;
  readonly priceCents: number;
  /** ISO 4217. */
  readonly currency: string;
  readonly description: string | null;
  /** Where a picture of it is. */
  readonly imageUrl: string | null;
  /** Units that the product's first delivery brings; part of what makes two creations the same. */
  readonly initialStock: number;
  /** From so few units on it is low, and an alert is raised; null: nobody wants to know. */
  readonly lowStockAt: number | null;
  /** Starts at 1, grows when the product changes. */
  readonly revision: number;
  /** Its orders are refused. Written by processors alone, beside the stock; here it is only told. */
  readonly archived: boolean;
};

export type NewProduct = Omit<Product, "revision" | "archived">;
/** What may change of a product. Members that are absent stay as they are. */
export type ProductChange = Partial<
  Pick<Product, "name" | "category" | "priceCents" | "currency" | "description" | "imageUrl" | "lowStockAt">
>;
/** What became of a change: `conflict` where the product had another revision, and other content than is wanted. */
export type ChangedProduct =
  { readonly kind: "changed" | "conflict"; readonly product: Product } | { readonly kind: "unknown" };

/** `hasStock`: its first delivery, or another stock command, is decided. */
export type PutProduct = {
  readonly kind: "created" | "changed" | "unchanged";
  readonly product: Product;
  readonly hasStock: boolean;
};

export const productSorts = ["id", "name", "price", "-price", "newest", "relevance"] as const;
export type ProductSort = (typeof productSorts)[number];
/** Which products are listed, in which order. Members that are absent let all through. */
export type ProductListing = {
  /** "relevance" needs `words`. */
  readonly sort: ProductSort;
  readonly category?: string;
  readonly inStock?: boolean;
  readonly minPriceCents?: number;
  readonly maxPriceCents?: number;
  readonly archived?: boolean;
  /**
   * Beginnings of words, in small letters: each must begin a word of the product, or all together look like its name. Of a short search
   * (`isShortSearch`) the only word must begin the name, and "relevance" is the order of the names, by their code points.
   */
  readonly words?: readonly string[];
};
/** The place of a product in a listing: what it is sorted by, as text ("" where that is its id), and its id. */
export type ListingPosition = { readonly key: string; readonly productId: string };
export type ListedProduct = StockedProduct & { readonly position: ListingPosition };
export type Category = { readonly name: string; readonly products: number };

/** A product beside its stock; null: no stock command has been decided yet. */
export type StockedProduct = { readonly product: Product; readonly stock: Stock | null };

/** What a transaction changes: a product, with the categories that it was in and is in. */
export type TouchedProduct = { readonly productId: string; readonly categories: readonly string[] };
/** Told what is about to change; the commit, which `limits.commitTimeoutMs` after the transaction was begun can't come any more, waits for it. */
export type BeforeCommit = (touched: readonly TouchedProduct[]) => Promise<void>;

/**
 * All methods reject with `StoreUnavailable` when the store is away; of those that write it is then not known whether they did, or will.
 * After any other error they did not.
 */
export type CatalogueStore = {
  /** Adds the product unless its id is taken; returns what is stored under the id now, and whether this call added it. */
  create(
    product: NewProduct,
    beforeCommit?: BeforeCommit,
  ): Promise<{ readonly product: Product; readonly created: boolean }>;
  /** One result for each id, in order; null: not in the catalogue. */
  products(ids: readonly string[]): Promise<(Product | null)[]>;
  /**
   * Changes the product if it has one of the revisions (null: whichever it has), which then grows by one. One that is as wanted already is
   * "changed", whatever its revision: the same change again, after an answer that was lost.
   */
  change(
    id: string,
    change: ProductChange,
    revisions: readonly number[] | null,
    beforeCommit?: BeforeCommit,
  ): Promise<ChangedProduct>;
  /**
   * Adds those that are not there, and makes the others as they are here but for their `initialStock`, in one transaction. One result for
   * each, in order; their ids must differ. With `isTrial` nothing is written, and what would have been is told.
   */
  putAll(products: readonly NewProduct[], isTrial: boolean, beforeCommit?: BeforeCommit): Promise<PutProduct[]>;
  /** In the order of the listing, those behind `after` (null: from the first). */
  list(listing: ProductListing, after: ListingPosition | null, limit: number): Promise<ListedProduct[]>;
  /** All that have a product that is not archived, and how many, in the order of their names. */
  categories(): Promise<Category[]>;
};

/** One word, of few letters. Where a character is a syllable or a word, two of them are not few. */
export const isShortSearch = ({ words = [] }: ProductListing): boolean =>
  words.length === 1 &&
  words.every((word) => Array.from(word).length <= limits.searchShortLettersMax && !syllables.test(word));
const syllables = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/** Whether the product has what the change wants already. */
export const isAsWanted = (product: Product, change: ProductChange): boolean =>
  Object.entries(change).every(([member, value]) => Reflect.get(product, member) === value);

/** What putting `wanted` would do to what is there. */
export function putKindOf(stored: Product | null | undefined, wanted: NewProduct): PutProduct["kind"] {
  if (stored === null || stored === undefined) return "created";
  return isAsWanted(stored, contentOf(wanted)) ? "unchanged" : "changed";
}

/** All of a product that may change. */
export const contentOf = ({ name, category, priceCents, currency, description, imageUrl, lowStockAt }: NewProduct) => {
  return { name, category, priceCents, currency, description, imageUrl, lowStockAt };
};
