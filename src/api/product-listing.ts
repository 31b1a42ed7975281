/** From what a caller asks of a listing to what the catalogue lists, and back to a cursor. */
import { limits } from "../limits.ts";
import { isShortSearch } from "../stores/catalogue-store.ts";
import type { ListingPosition, ProductListing, ProductSort } from "../stores/catalogue-store.ts";
import { productCursor, readProductCursor, timeShape } from "./cursors.ts";
import type { Listed } from "./cursors.ts";
import { Problem } from "./problems.ts";
import type { ListProductsQuery } from "./schemas/products.ts";

/** Which keys a position of each sort may have. */
const isKeyOf: Readonly<Record<ProductSort, (key: string) => boolean>> = {
  id: (key) => key === "",
  name: (key) => key.length <= 2 * limits.nameCharsMax,
  price: (key) => /^[0-9]{1,9}$/.test(key),
  "-price": (key) => /^[0-9]{1,9}$/.test(key),
  newest: (key) => timeShape.test(key),
  relevance: (key) => /^[0-9]{1,3}(\.[0-9]{1,20})?(e-[0-9]{1,2})?$/.test(key),
};

/** Throws `invalid_request` where `relevance` is asked for without a search. */
export function listingOf({
  q,
  sort,
  category,
  inStock,
  minPriceCents,
  maxPriceCents,
  archived = false,
}: ListProductsQuery): ProductListing {
  const words = q === undefined ? undefined : wordsOf(q);
  if (sort === "relevance" && words === undefined) {
    const errors = [{ in: "querystring", field: "/sort", message: "relevance needs q" }];
    throw new Problem("invalid_request", "Only a search has an order of relevance.", { members: { errors } });
  }
  return {
    archived,
    sort: sort ?? (words === undefined ? "id" : "relevance"),
    ...(category !== undefined && { category }),
    ...(inStock !== undefined && { inStock }),
    ...(minPriceCents !== undefined && { minPriceCents }),
    ...(maxPriceCents !== undefined && { maxPriceCents }),
    ...(words !== undefined && { words }),
  };
}

/** Letters and digits, in small letters; everything else is between words. */
const wordsOf = (typed: string): string[] =>
  (typed.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).slice(0, limits.searchWordsMax);

const listed = ({ words, ...rest }: ProductListing): Listed => ({
  ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)])),
  q: words?.join(" "),
});

export const cursorOf = (position: ListingPosition, listing: ProductListing): string =>
  productCursor(position, listed(listing));

/** Throws `invalid_cursor`. */
export const positionOf = (cursor: string, listing: ProductListing): ListingPosition =>
  readProductCursor(
    cursor,
    listed(listing),
    isKeyOf[listing.sort === "relevance" && isShortSearch(listing) ? "name" : listing.sort],
  );
