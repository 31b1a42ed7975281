// The database of the peers (a) and (b), asked from outside: products put in, orders counted, sums held against each other.
import type { Client } from "pg";
import type { OrderCounts } from "./contender.ts";

export async function addProducts(database: Client, ids: readonly string[], units: number): Promise<void> {
  await database.query(
    `insert into products (product_id, quantity, units, unit_price_cents, currency)
     select id, $2, $2, 250, 'EUR' from unnest($1::text[]) as given (id)`,
    [ids, units],
  );
  await database.query("analyze products");
}

export async function countStored(database: Client): Promise<OrderCounts> {
  const { rows } = await database.query<OrderCounts>(
    `select count(*) filter (where status = 'accepted')::int4 as accepted,
            count(*) filter (where status = 'rejected')::int4 as rejected
     from orders`,
  );
  return rows[0] ?? { accepted: 0, rejected: 0 };
}

export async function verifyBooks(database: Client): Promise<string[]> {
  const { rows } = await database.query<{ product_id: string }>(
    `select product_id from products
     left join (select product_id, sum(quantity) as sold from orders where status = 'accepted' group by product_id) as sums
       using (product_id)
     where products.quantity < 0 or products.quantity + coalesce(sold, 0) <> units`,
  );
  const [first] = rows;
  if (first === undefined) return [];
  return [`What is sold and left is not what there was of ${rows.length} products: ${first.product_id} ...`];
}
