import { describe, expect, test } from "vitest";
import type { Stock } from "../../src/schemas/lines.ts";
import { createMemoryCatalogue } from "../../src/stores/memory/catalogue-store.ts";
import { createPostgresCatalogueStore } from "../../src/stores/postgres/reads/catalogue-store.ts";
import { listProductsStatement } from "../../src/stores/postgres/reads/list-products.ts";
import { describeCatalogueStore, milk } from "./catalogue-store.contract.ts";
import type { CatalogueWorld } from "./catalogue-store.contract.ts";
import { useFileDatabase } from "./file-database.ts";

describeCatalogueStore("in memory", () => {
  const stock = new Map<string, Stock>();
  return Promise.resolve({
    catalogue: createMemoryCatalogue((productId) => stock.get(productId)),
    stock: (productId, quantity, archived = false) =>
      Promise.resolve(void stock.set(productId, { quantity, version: 1, ...(archived && { archived }) })),
  });
});

const database = useFileDatabase();

async function emptyWorld(): Promise<CatalogueWorld> {
  await database.pool.query("truncate products, stock");
  return {
    catalogue: createPostgresCatalogueStore(database.pool),
    stock: async (productId, quantity, archived = false) => {
      const values = [productId, quantity, archived];
      await database.pool.query(
        "insert into stock (product_id, quantity, version, archived) values ($1, $2, 1, $3)",
        values,
      );
    },
  };
}

describeCatalogueStore("in PostgreSQL", emptyWorld);

describe("a search in PostgreSQL", () => {
  const search = async (words: string[], products: Readonly<Record<string, string>>): Promise<string[]> => {
    const { catalogue } = await emptyWorld();
    for (const [id, name] of Object.entries(products)) await catalogue.create({ ...milk, id, name, description: null });
    return (await catalogue.list({ sort: "relevance", words }, null, 50)).map(({ product }) => product.id);
  };

  test("forgives typing errors, and puts those who have the words first", async () => {
    const shelf = { a: "Banana", b: "Bananas in chocolate", c: "Chocolate", d: "Kitchen chair" };
    expect(await search(["bannana"], shelf)).toEqual(["a", "b"]);
    expect((await search(["chiar"], shelf))[0]).toBe("d");
    expect((await search(["chocolate"], shelf)).slice(0, 2).sort()).toEqual(["b", "c"]);
  });

  test("puts a word of the name before one of the description", async () => {
    const { catalogue } = await emptyWorld();
    await catalogue.create({ ...milk, id: "cocoa", name: "Cocoa", description: "goes with honey" });
    await catalogue.create({ ...milk, id: "honey", name: "Honey", description: null });
    const found = await catalogue.list({ sort: "relevance", words: ["hon"] }, null, 50);
    expect(found.map(({ product }) => product.id)).toEqual(["honey", "cocoa"]);
  });

  test("takes letters and digits of any script for words, and none of them for syntax", async () => {
    expect(await search(["ß", "é\u0301", "²"], { a: "Straße" })).toEqual([]);
    expect(await search(["牛"], { a: "牛乳", b: "Butter" })).toEqual(["a"]);
    expect(await search(["or", "not"], { a: "Not or", b: "Oregano" })).toEqual(["a"]);
  });

  test("chooses an index for the first page of a large catalogue, in each order", async () => {
    await emptyWorld();
    await database.pool.query(
      `insert into products (product_id, name, category, price_cents, currency, initial_stock, created_at)
       select 'p' || n, 'Product ' || n, 'c' || n % 20, n % 5000, 'EUR', 0, now() - n * interval '1 second' from generate_series(1, 20000) n`,
    );
    await database.pool.query("analyze products");
    for (const sort of ["id", "name", "price", "-price", "newest"] as const) {
      for (const filter of [{}, { category: "c7" }]) {
        const { statement, values } = listProductsStatement({ sort, ...filter }, null, 50);
        const { rows } = await database.pool.query<{ "QUERY PLAN": string }>(`explain ${statement.text}`, values);
        const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
        expect(plan, `${sort} ${JSON.stringify(filter)}`).toMatch(/Index.* on products/);
        expect(plan, `${sort} ${JSON.stringify(filter)}`).not.toMatch(/Seq Scan on products|Sort/);
      }
    }
    for (const after of [null, { key: "product 7", productId: "p7" }]) {
      const listing = { sort: "relevance", words: ["p"], archived: false } as const;
      const { statement, values } = listProductsStatement(listing, after, 50);
      const { rows } = await database.pool.query<{ "QUERY PLAN": string }>(`explain ${statement.text}`, values);
      const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
      expect(plan).toMatch(/Index Scan using products_by_beginning on products/);
      expect(plan).not.toMatch(/Function Scan|Seq Scan on products|Sort/);
    }
  });
});
