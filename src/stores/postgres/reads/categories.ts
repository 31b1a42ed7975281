/** Result: each category that has a product that is not archived, and how many, in the order of their names. Locks: none. */
export const categoriesSql = {
  name: "read_categories",
  text: `
    select category as name, count(*)::int4 as products from products p left join stock s using (product_id)
    where not coalesce(s.archived, false)
    group by category order by lower(category), category`,
};
