/** What every catalogue does. */
import { describe, expect, test } from "vitest";
import type {
  CatalogueStore,
  ListingPosition,
  NewProduct,
  ProductListing,
  ProductSort,
} from "../../src/stores/catalogue-store.ts";

export type CatalogueWorld = {
  readonly catalogue: CatalogueStore;
  /** Makes it known how many units there are of a product, and whether it is archived. */
  readonly stock: (productId: string, quantity: number, archived?: boolean) => Promise<void>;
};

export const milk: NewProduct = {
  id: "milk",
  name: "Whole Milk",
  category: "dairy",
  priceCents: 120,
  currency: "EUR",
  description: "From Straße 7",
  imageUrl: "https://shop.example/milk.jpg",
  initialStock: 7,
  lowStockAt: 3,
};

/** Resolves with a world whose catalogue is empty. */
export function describeCatalogueStore(where: string, emptyWorld: () => Promise<CatalogueWorld>): void {
  const grocery: readonly NewProduct[] = [
    milk,
    { ...milk, id: "oat", name: "oat drink", priceCents: 199, description: "instead of milk" },
    { ...milk, id: "butter", name: "Butter", priceCents: 249, description: null },
    { ...milk, id: "apple", name: "Apple", category: "fruit", priceCents: 45, description: null },
    { ...milk, id: "pear", name: "Pear", category: "fruit", priceCents: 45, description: null },
  ];
  const filled = async (): Promise<CatalogueWorld> => {
    const world = await emptyWorld();
    for (const product of grocery) await world.catalogue.create(product);
    await world.stock("milk", 3);
    await world.stock("pear", 0);
    return world;
  };
  /** All ids, read in pages of `limit`. */
  const idsOf = async ({ catalogue }: CatalogueWorld, listing: ProductListing, limit = 2): Promise<string[]> => {
    const ids: string[] = [];
    for (let after: ListingPosition | null = null; ids.length < 100;) {
      const page = await catalogue.list(listing, after, limit);
      ids.push(...page.map(({ product }) => product.id));
      const last = page.at(-1);
      if (last === undefined) return ids;
      after = last.position;
    }
    throw new Error("The listing has no end.");
  };

  describe(`a catalogue ${where}`, () => {
    test("adds a product once; who comes second is told what is there", async () => {
      const { catalogue } = await emptyWorld();
      const product = { ...milk, revision: 1, archived: false };
      expect(await catalogue.create(milk)).toEqual({ product, created: true });
      expect(await catalogue.create({ ...milk, name: "Other" })).toEqual({ product, created: false });
      expect(await catalogue.products(["none", "milk"])).toEqual([null, product]);
    });

    test("changes a product of the revision that was seen, and of no other", async () => {
      const { catalogue } = await filled();
      const changed = { ...milk, priceCents: 130, imageUrl: null, lowStockAt: null, revision: 2, archived: false };
      expect(await catalogue.change("milk", { priceCents: 130, imageUrl: null, lowStockAt: null }, [1])).toEqual({
        kind: "changed",
        product: changed,
      });
      expect(await catalogue.change("milk", { priceCents: 140 }, [1, 3])).toEqual({
        kind: "conflict",
        product: changed,
      });
      expect(await catalogue.change("milk", { priceCents: 140 }, [])).toEqual({ kind: "conflict", product: changed });
      expect(await catalogue.products(["milk"])).toEqual([changed]);
      const again = { ...changed, priceCents: 140, revision: 3 };
      expect(await catalogue.change("milk", { priceCents: 140 }, null)).toEqual({ kind: "changed", product: again });
      expect(await catalogue.change("none", { priceCents: 140 }, null)).toEqual({ kind: "unknown" });
    });

    test("takes a change that was made already as made, and its revision stays", async () => {
      const { catalogue } = await filled();
      const change = { name: "Milk", description: null };
      const first = await catalogue.change("milk", change, [1]);
      expect(first).toMatchObject({ kind: "changed", product: { revision: 2 } });
      expect(await catalogue.change("milk", change, [1])).toEqual(first);
      expect(await catalogue.change("milk", change, null)).toEqual(first);
    });

    test("lets one of many who change the same revision win", async () => {
      const { catalogue } = await filled();
      const kinds = await Promise.all(
        Array.from(
          { length: 8 },
          async (_, n) => (await catalogue.change("milk", { priceCents: 1_000 + n }, [1])).kind,
        ),
      );
      expect(kinds.filter((kind) => kind === "changed")).toHaveLength(1);
      expect((await catalogue.products(["milk"]))[0]?.revision).toBe(2);
    });

    test("puts many: adds, changes and leaves, each as it is needed; the first delivery's units stay", async () => {
      const { catalogue } = await filled();
      const wanted = [
        { ...milk, priceCents: 130, initialStock: 99 },
        { ...milk, id: "new" },
        { ...milk, id: "butter", name: "Butter", priceCents: 249, description: null },
      ];
      const told = [
        { kind: "changed", product: { ...milk, priceCents: 130, revision: 2, archived: false }, hasStock: true },
        { kind: "created", product: { ...milk, id: "new", revision: 1, archived: false }, hasStock: false },
        { kind: "unchanged", product: { ...wanted[2], revision: 1, archived: false }, hasStock: false },
      ];
      const before = await catalogue.products(["milk", "new"]);
      expect((await catalogue.putAll(wanted, true)).map(({ kind }) => kind)).toEqual([
        "changed",
        "created",
        "unchanged",
      ]);
      expect(await catalogue.products(["milk", "new"])).toEqual(before);
      expect(await catalogue.putAll(wanted, false)).toEqual(told);
      expect((await catalogue.putAll(wanted, false)).map(({ kind }) => kind)).toEqual(Array(3).fill("unchanged"));
      expect(await catalogue.products(["milk", "new"])).toEqual([told[0]?.product, told[1]?.product]);
      expect(await catalogue.putAll([], false)).toEqual([]);
    });

    test("puts what two put at once, one after the other", async () => {
      const { catalogue } = await filled();
      const many = Array.from({ length: 40 }, (_, n) => ({ ...milk, id: `n${n}` }));
      const [one, other] = await Promise.all([
        catalogue.putAll(many, false),
        catalogue.putAll(many.map((product) => ({ ...product, name: "Other" })).toReversed(), false),
      ]);
      const kinds = [...one, ...other].map(({ kind }) => kind);
      expect([kinds.filter((kind) => kind === "created").length, kinds.length]).toEqual([40, 80]);
      expect(kinds.filter((kind) => kind === "changed")).toHaveLength(40);
    });

    test.each<[ProductSort, string[]]>([
      ["id", ["apple", "butter", "milk", "oat", "pear"]],
      ["name", ["apple", "butter", "oat", "pear", "milk"]],
      ["price", ["apple", "pear", "milk", "oat", "butter"]],
      ["-price", ["butter", "oat", "milk", "pear", "apple"]],
      ["newest", ["pear", "apple", "butter", "oat", "milk"]],
    ])("lists by %s, each product once, however long a page is", async (sort, ids) => {
      const world = await filled();
      for (const limit of [1, 2, 5]) expect(await idsOf(world, { sort }, limit)).toEqual(ids);
      expect(await idsOf(world, { sort, category: "dairy" })).toEqual(
        ids.filter((id) => !["apple", "pear"].includes(id)),
      );
    });

    test("filters by category, stock and price; all of it must hold", async () => {
      const world = await filled();
      const ids = (listing: Omit<ProductListing, "sort">) => idsOf(world, { sort: "id", ...listing });
      expect(await ids({ inStock: true })).toEqual(["milk"]);
      expect(await ids({ inStock: false })).toEqual(["apple", "butter", "oat", "pear"]);
      expect(await ids({ minPriceCents: 120, maxPriceCents: 199 })).toEqual(["milk", "oat"]);
      expect(await ids({ category: "fruit", maxPriceCents: 45, inStock: false })).toEqual(["apple", "pear"]);
      expect(await ids({ category: "Fruit" })).toEqual([]);
    });

    test("tells which are archived, lists those or the others, and counts the others in their category", async () => {
      const world = await filled();
      await world.stock("apple", 5, true);
      expect(await idsOf(world, { sort: "id", archived: true })).toEqual(["apple"]);
      expect(await idsOf(world, { sort: "id", archived: false, category: "fruit" })).toEqual(["pear"]);
      expect(await idsOf(world, { sort: "id", category: "fruit" })).toEqual(["apple", "pear"]);
      const { catalogue } = world;
      const told = await catalogue.list({ sort: "id", archived: true }, null, 5);
      expect([...told.map(({ product }) => product), ...(await catalogue.products(["apple"]))]).toMatchObject([
        { archived: true },
        { archived: true },
      ]);
      expect(await catalogue.change("apple", { priceCents: 1 }, null)).toMatchObject({ product: { archived: true } });
      expect((await catalogue.categories()).map(({ products }) => products)).toEqual([3, 1]);
    });

    test("shows the stock beside each product; null where none is decided", async () => {
      const { catalogue } = await filled();
      const listed = await catalogue.list({ sort: "id" }, null, 10);
      expect(listed.map(({ product, stock }) => [product.id, stock?.quantity])).toEqual([
        ["apple", undefined],
        ["butter", undefined],
        ["milk", 3],
        ["oat", undefined],
        ["pear", 0],
      ]);
    });

    test("finds products in which each word begins a word", async () => {
      const world = await filled();
      const ids = async (words: string[]) => (await idsOf(world, { sort: "relevance", words })).sort();
      expect(await ids(["milk"])).toEqual(["milk", "oat"]);
      expect(await ids(["stra"])).toEqual(["milk"]);
      expect(await ids(["dai", "butt"])).toEqual(["butter"]);
      expect(await ids(["qqqq"])).toEqual([]);
      expect(await idsOf(world, { sort: "price", words: ["dairy"] })).toEqual(["milk", "oat", "butter"]);
    });

    test("finds by one or two letters the names that begin with them, by name, each once", async () => {
      const world = await filled();
      const names = { mint: "Mint", mild: "mild soap", mi1: "MI", mi2: "Mi", mj: "Mj", glass: "m\u{1f95b}" };
      for (const [id, name] of Object.entries({ ...names, eclair: "éclair", cow: "牛乳", best: "特選 牛乳" }))
        await world.catalogue.create({ ...milk, id, name, description: null });
      const ids = (listing: Omit<ProductListing, "sort">, limit?: number) =>
        idsOf(world, { sort: "relevance", ...listing }, limit);
      for (const limit of [1, 2, 50]) {
        expect(await ids({ words: ["mi"] }, limit)).toEqual(["mi1", "mi2", "mild", "mint"]);
        expect(await ids({ words: ["m"] }, limit)).toEqual(["mi1", "mi2", "mild", "mint", "mj", "glass"]);
      }
      expect(await ids({ words: ["a"], category: "fruit" })).toEqual(["apple"]);
      expect(await ids({ words: ["a"], category: "dairy" })).toEqual([]);
      expect(await ids({ words: ["é"] })).toEqual(["eclair"]);
      expect(await ids({ words: ["qx"] })).toEqual([]);
      expect(await idsOf(world, { sort: "-price", words: ["b"] })).toEqual(["butter"]);
      expect(await ids({ words: ["mi", "w"] })).toContain("milk");
      expect(await ids({ words: ["牛乳"] })).toEqual(expect.arrayContaining(["cow", "best"]));
    });

    test("tells the categories that have products, and how many", async () => {
      const { catalogue } = await filled();
      expect(await catalogue.categories()).toEqual([
        { name: "dairy", products: 3 },
        { name: "fruit", products: 2 },
      ]);
    });
  });
}
