import type { ProductChange } from "../../catalogue-store.ts";

const columns = {
  name: "name",
  category: "category",
  priceCents: "price_cents",
  currency: "currency",
  description: "description",
  imageUrl: "image_url",
  lowStockAt: "low_stock_at",
} as const satisfies Record<keyof ProductChange, string>;

/** Input: id. Result: the category of the product, which nobody else changes before the transaction's end. Locks: the product's row. */
export const lockCategorySql = {
  name: "lock_product_category",
  text: `select category from products where product_id = $1 for update`,
};

/**
 * Input: id, revisions (int4[]; null: any), and a value for each member of the change. Changes the product if it has one of the revisions and
 * is not as wanted already. Result: its id where it was changed. Locks: the product's row.
 */
export function changeProductStatement(id: string, change: ProductChange, revisions: readonly number[] | null) {
  const members = Object.entries(change) as [keyof ProductChange, string | number | null][];
  const names = members.map(([member]) => columns[member]);
  const values = members.map((_, at) => `$${at + 3}`);
  const which = Object.keys(columns).map((member) => (member in change ? "1" : "0"));
  const text = `
    update products p set ${names.map((name, at) => `${name} = ${values[at]}`).join(", ")}, revision = p.revision + 1
    where p.product_id = $1 and ($2::int4[] is null or p.revision = any($2))
      and (${names.map((name, at) => `p.${name} is distinct from ${values[at]}`).join(" or ")})
    returning p.product_id`;
  return {
    statement: { name: `change_product_${which.join("")}`, text },
    values: [id, revisions, ...members.map(([, value]) => value)],
  };
}
