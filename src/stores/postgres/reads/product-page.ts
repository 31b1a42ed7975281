/**
 * Input: after (text; null: from the first), limit. Result: products after that id beside their stock (null: none yet), in
 * the order of their ids. Locks: none.
 */
export const productPageSql = {
  name: "read_product_page",
  text: `
    select p.product_id, p.name, p.category, p.price_cents, p.currency, p.description, p.initial_stock, p.revision,
           s.quantity, s.version, coalesce(s.archived, false) as archived
    from products p left join stock s on s.product_id = p.product_id and s.version > 0
    where p.product_id > coalesce($1, '')
    order by p.product_id limit $2`,
};
