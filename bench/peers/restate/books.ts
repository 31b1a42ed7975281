// What Restate has stored, asked of its admin API in SQL: the state of every product, orders alike counted together.
import type { OrderCounts } from "../../contenders/contender.ts";

type Row = { readonly product: string; readonly is_book: boolean; readonly value: string; readonly number: number };
type Order = { readonly status: "accepted" | "rejected"; readonly quantity: number };
type Book = { readonly units: number; readonly left: number };

export type Books = OrderCounts & { readonly problems: readonly string[] };

const query = `
  select service_key as product, key = 'book' as is_book, value_utf8 as value, count(*) as number
  from state where service_name = 'Product' group by service_key, key = 'book', value_utf8`;

export async function readBooks(adminUrl: string): Promise<Books> {
  const response = await fetch(`${adminUrl}/query`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ query }),
  });
  if (!response.ok) throw new Error(`Restate's admin answers ${response.status}: ${await response.text()}`);
  return booksOf(((await response.json()) as { rows: readonly Row[] }).rows);
}

function booksOf(rows: readonly Row[]): Books {
  const counts = { accepted: 0, rejected: 0 };
  const sold = new Map<string, number>();
  for (const { product, is_book, value, number } of rows) {
    if (is_book) continue;
    const { status, quantity } = JSON.parse(value) as Order;
    counts[status] += number;
    if (status === "accepted") sold.set(product, (sold.get(product) ?? 0) + quantity * number);
  }
  const wrong = rows.filter(({ product, is_book, value }) => {
    if (!is_book) return false;
    const { units, left } = JSON.parse(value) as Book;
    return left < 0 || left + (sold.get(product) ?? 0) !== units;
  });
  const [first] = wrong;
  const problems =
    first === undefined
      ? []
      : [`What is sold and left is not what there was of ${wrong.length} products: ${first.product} ...`];
  return { ...counts, problems };
}
