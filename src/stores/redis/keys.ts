/**
 * Every key and channel in Redis. An id stands in a key as it is, without braces, as in the shop that Tallyman replaces.
 * The scripts build the keys of products by themselves, from `product:`; they are in this folder too.
 */

/**
 * Hash: `incarnation`, a random word that a flush takes away; by partition the highest epoch known; and what homes are told
 * apart by and revoked: apply-effects.lua (P16).
 */
export const ownersKey = "tallyman:owners";

/** Plain integer: the units in stock. */
export const quantityKey = (productId: string): string => `product:${productId}:quantity`;
/** Plain integer: the stock version that the quantity belongs to. Outlives it, as its guard. */
export const versionKey = (productId: string): string => `product:${productId}:version`;
/** The reader that may refill the quantity after its miss. */
export const tokenKey = (productId: string): string => `product:${productId}:token`;
/** JSON of an OrderDocument, revision first. */
export const orderKey = (orderId: string): string => `order:${orderId}`;

/** Geographical set: the drivers that are heard of, where they were last. */
export const placesKey = "drivers:places";
/** Sorted set: the same drivers, by the millisecond from which they are silent. */
export const silentFromKey = "drivers:silent-from";
/** Five words: sequence, observedAt, latitude, longitude (both `-` when withdrawn), and the millisecond until which it guards. */
export const positionKey = (driverId: string): string => `driver:${driverId}:position`;

/** A page: its stamp, a line break, its text. */
export const pageKey = (key: string): string => `page:${key}`;
/** The page's stamp alone: who has the text asks for it. */
export const pageStampKey = (key: string): string => `page:${key}:stamp`;
/** The readers that may put the page. */
export const pageFillKey = (key: string): string => `page:${key}:fill`;
/** A word, the scope's generation; or `!` and two words for each writer under way: its token, and the millisecond until which it counts. */
export const scopeKey = (scope: string): string => `scope:${scope}`;
/** Two words: one that a flush takes away, and the millisecond from which pages may be put. */
export const pagesIncarnationKey = "pages:incarnation";
/** Sorted set: the pages that are there, by the millisecond in which each expires. */
export const pagesIndexKey = "pages:index";
/** Hash: by page, what it is counted as, in bytes; and `total`, the sum. */
export const pagesBytesKey = "pages:bytes";

/** Channel of the decision feed of one order topic. */
export const decisionsChannel = (topic: string): string => `tallyman:${topic}:decisions`;
