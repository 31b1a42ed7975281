import { limits } from "../../../limits.ts";
import { isShortSearch } from "../../catalogue-store.ts";
import type { ListingPosition, ProductListing, ProductSort } from "../../catalogue-store.ts";
import { productColumns } from "./product-columns.ts";

/** What a sort goes by, of which type that is, and whether the largest comes first. The id decides between equals. */
type SortKey = { readonly by: string; readonly type: string; readonly isDescending?: true };
const sortKeys: Readonly<Record<ProductSort, SortKey>> = {
  id: { by: "''", type: "text" },
  name: { by: "lower(p.name)", type: "text" },
  price: { by: "p.price_cents", type: "int4" },
  "-price": { by: "p.price_cents", type: "int4", isDescending: true },
  newest: { by: "p.created_at", type: "timestamptz", isDescending: true },
  relevance: { by: "found.rank", type: "float8", isDescending: true },
};

/** In the order of bytes, whatever the database's own is: only there what begins with a word has a first and a last place. */
const nameInBytes = `lower(p.name) collate "C"`;
const lastCharacter = "\u{10ffff}";

/** Rows that are read where fewer are asked for too: a number that is known to be small lets PostgreSQL choose an index, and few of them make few statements. */
const sizes = [11, 51];

/**
 * Products of a listing beside their stock (null: none yet), and what each is sorted by, as text. Each statement has only the conditions that
 * are asked for, so that PostgreSQL can choose an index by them; there are so many statements as there are sets of conditions. There may be more
 * rows than asked for. Locks: none.
 */
export function listProductsStatement(listing: ProductListing, after: ListingPosition | null, limit: number) {
  const { sort, category, inStock, minPriceCents, maxPriceCents, words, archived } = listing;
  const isShort = isShortSearch(listing);
  const { by, type, isDescending }: SortKey =
    isShort && sort === "relevance" ? { by: nameInBytes, type: "text" } : sortKeys[sort];
  const values: unknown[] = [];
  const value = (input: unknown): string => `$${values.push(input)}`;
  const size = sizes.find((each) => each >= limit) ?? limits.pageSizeMax + 1;
  const names: string[] = [sort, String(size)];
  const where: string[] = [];
  const only = (name: string, condition: string): void => {
    names.push(name);
    where.push(condition);
  };

  const searched =
    words === undefined || isShort
      ? ""
      : `join search_products(to_tsquery('simple', ${value(tsquery(words))}), ${value(words.join(" "))}) found using (product_id)`;
  if (words !== undefined && !isShort) names.push("words");
  if (words !== undefined && isShort) {
    const beginning = words.join("");
    only("short", `${nameInBytes} >= ${value(beginning)} and ${nameInBytes} < ${value(beginning + lastCharacter)}`);
  }
  if (category !== undefined) only("category", `p.category = ${value(category)}`);
  if (minPriceCents !== undefined) only("min", `p.price_cents >= ${value(minPriceCents)}`);
  if (maxPriceCents !== undefined) only("max", `p.price_cents <= ${value(maxPriceCents)}`);
  if (archived !== undefined) only(`archived_${archived}`, `coalesce(s.archived, false) = ${archived}`);
  if (inStock !== undefined) only(`stock_${inStock}`, `coalesce(s.quantity, 0) ${inStock ? "> 0" : "= 0"}`);
  if (after !== null) {
    const isAfter = isDescending === true ? "<" : ">";
    const { key, productId } = after;
    only(
      "after",
      sort === "id"
        ? `p.product_id > ${value(productId)}`
        : `(${by}, p.product_id) ${isAfter} (${value(key)}::${type}, ${value(productId)})`,
    );
  }
  const direction = isDescending === true ? "desc" : "asc";
  const text = `
    select ${productColumns}, s.quantity, s.version, (${by})::text as sort_key
    from products p ${searched} left join stock s on s.product_id = p.product_id and s.version > 0
    ${where.length === 0 ? "" : `where ${where.join(" and ")}`}
    order by ${sort === "id" ? "" : `${by} ${direction}, `}p.product_id ${direction}
    limit ${size}`;
  return { statement: { name: `list_${names.join("_")}`, text }, values };
}

/** All of them, each as the beginning of a word. Words are letters and digits alone: nothing of them means anything to tsquery within quotes. */
const tsquery = (words: readonly string[]): string => words.map((word) => `'${word}':*`).join(" & ");
