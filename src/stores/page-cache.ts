/**
 * The port to pages: texts that are put together from PostgreSQL, and kept where all instances find them. Redis stands behind it; the
 * simulation and tests have one in memory. All methods reject with `CacheUnavailable`, soon: what was asked may then still happen, later.
 *
 * A page depends on *scopes*: words such as `product:chair-1`, `category:toys`, `order:<id>`. Each scope has a *generation*, a word that
 * changes when something in it does; a page counts under the generations that it was put under, and no others.
 *
 * Who owns what: the cache owns generations, marks, fills and pages. Readers own what they read; `src/api/pages.ts` is how they go about it.
 *
 * I1 While a writer's mark is on a scope, no page of it is shown or put. Who marks before the commit and clears after it makes every page
 *    that is shown what PostgreSQL has at that moment. A mark whose writer died ends by itself after `limits.pageMarkTtlMs`, by which time
 *    its transaction, begun before the mark was made, can't be committed any more.
 * I2 A page is put under the generations that were there before PostgreSQL was read, and only while they still are.
 * I3 Every answer that was read from PostgreSQL is settled: that ends all fills of the page which began before, unless there is a page by
 *    then, which is the answer instead. So whoever asks after that answer is told nothing older, also where nobody had marked.
 * I4 After all was lost nothing is put for as long as a mark may be on: one that was lost with the rest would have forbidden it.
 * I5 Pages take no more than their budget: what expires soonest makes room for what is put.
 */
export type Page = {
  /** A word that only this page has: letters, digits, `-` and `_`. */
  readonly key: string;
  /** No spaces, none twice; always the same for a key. */
  readonly scopes: readonly string[];
};

/** `stamp`: no other page has it, nor another text of this one. So whoever keeps the text need only ask for the stamp. */
export type KeptPage = { readonly stamp: string; readonly text: string };

export type LookedPage =
  | ({ readonly kind: "hit" } & KeptPage)
  /** The page is the one that the caller has. */
  | { readonly kind: "same" }
  | { readonly kind: "miss" };

/** The right to put a page, in hands of whoever missed it. */
export type Fill = { readonly token: string; readonly incarnation: string; readonly generations: readonly string[] };

export type TakenFill =
  | ({ readonly kind: "hit" } & KeptPage)
  /** PostgreSQL is to be read now, after this answer. */
  | { readonly kind: "fill"; readonly fill: Fill }
  /** Another reader has it. */
  | { readonly kind: "taken" }
  /** A writer is under way, or all was lost a moment ago: PostgreSQL is to be read, and nothing can be put. */
  | { readonly kind: "busy" };

export type SettledPage =
  | { readonly kind: "put"; readonly stamp: string }
  /** This is the answer, not what was read. */
  | ({ readonly kind: "hit" } & KeptPage)
  | { readonly kind: "not_put" };

/** A writer under way. */
export type Mark = { readonly token: string; readonly scopes: readonly string[] };

export type PageCache = {
  /** `known`: the stamp of what the caller has of it. What is asked within one turn of the event loop goes out together. */
  look(page: Page, known: string | null): Promise<LookedPage>;
  /** To be asked before PostgreSQL is read. `shares`: also where another reader has it, who may be slow or dead; whoever settles first puts. */
  take(page: Page, shares: boolean): Promise<TakenFill>;
  /**
   * To be asked before the answer is given. `text` is what was read after the fill was taken; null: there is nothing to put. Of more than
   * `limits.pageBytesMax`, or than the budget, nothing is put.
   */
  settle(page: Page, fill: Fill | null, text: string | null): Promise<SettledPage>;
  /** After the transaction was begun, which `limits.commitTimeoutMs` ends, and before it is committed. The token is the caller's, and new. */
  mark(mark: Mark): Promise<void>;
  /** When it is known how the transaction ended, or that it can't be committed any more. Also where `mark` failed: then it changes the generations. */
  clear(mark: Mark): Promise<void>;
  /** Changes the generations: for those who can't mark before they commit. */
  touch(scopes: readonly string[]): Promise<void>;
  /** All pages count no more, as if everything was lost (I4). */
  forget(): Promise<void>;
};

export const productScope = (productId: string): string => `product:${productId}`;
/** Listings of a category. Encoded, for a scope has no spaces. */
export const categoryScope = (category: string): string => `category:${encodeURIComponent(category)}`;
/** Listings and searches of no category, and the categories themselves. */
export const allProductsScope = "products";
/** Every listing: products are archived and restored. */
export const shelfScope = "shelf";
/** What is kept of an order on its way. */
export const orderScope = (orderId: string): string => `order:${orderId}`;
