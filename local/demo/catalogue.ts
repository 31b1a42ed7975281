/** The grocery's products: the same for the same seed, so that a second import changes nothing. */
import { readFileSync } from "node:fs";
import { type Randomness, createRandomness } from "./randomness.ts";

export type DemoProduct = {
  readonly id: string;
  readonly name: string;
  readonly category: string;
  readonly priceCents: number;
  readonly currency: string;
  readonly description: string;
  readonly imageUrl: string;
  readonly initialStock: number;
};

/** A kind is its picture, its price in cents where it is smallest, and the names that it comes in. */
type Kind = readonly [picture: string, priceCents: number, ...names: string[]];
type Category = {
  readonly name: string;
  readonly words: string;
  readonly makers: readonly string[];
  readonly sizes: readonly string[];
  readonly kinds: readonly Kind[];
};

const categories = JSON.parse(readFileSync(new URL("grocery.json", import.meta.url), "utf8")) as Category[];

/** What a larger one costs, beside the smallest. */
const priceOfSize = [1, 1.6, 2.6];

/** `products` of them, as many in every category as in any other. Their pictures are at the api under `url`. */
export function groceryCatalogue(options: { seed: number; products: number; url: string }): DemoProduct[] {
  const random = createRandomness(options.seed);
  const ids = new Set<string>();
  return categories.flatMap((category, index) => {
    const wanted = share(options.products, index);
    const all = random.shuffled(goodsOf(category));
    if (all.length < wanted) throw new Error(`${category.name} has ${all.length} products, and not ${wanted}`);
    return all.slice(0, wanted).map((goods) => productOf(category, goods, random, ids, options.url));
  });
}

const share = (products: number, index: number): number =>
  Math.floor((products * (index + 1)) / categories.length) - Math.floor((products * index) / categories.length);

type Goods = { readonly kind: Kind; readonly name: string; readonly size: number; readonly sizeName: string };

function goodsOf({ kinds, makers, sizes }: Category): Goods[] {
  return kinds.flatMap((kind) => {
    const [, , ...names] = kind;
    return names.flatMap((each) =>
      makers.flatMap((maker) =>
        sizes.map((sizeName, size) => ({
          kind,
          name: maker === "" ? capitalised(each) : `${maker} ${each}`,
          size,
          sizeName,
        })),
      ),
    );
  });
}

const capitalised = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

function productOf(
  { name: category, words }: Category,
  { kind: [picture, priceCents], name, size, sizeName }: Goods,
  random: Randomness,
  ids: Set<string>,
  url: string,
): DemoProduct {
  const whole = `${name}, ${sizeName}`;
  const cents = Math.round((priceCents * (priceOfSize[size] ?? 1) * random.between(0.92, 1.12)) / 10) * 10 - 1;
  const stem = whole
    .normalize("NFD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 58);
  let id = stem;
  for (let number = 2; ids.has(id); number += 1) id = `${stem}-${number}`;
  ids.add(id);
  // Some shelves are nearly empty from the start.
  const initialStock = random.chance(0.06) ? random.integer(0, 4) : random.integer(12, 90);
  return {
    ...{ id, name: whole, category, priceCents: Math.max(49, cents), currency: "EUR", initialStock },
    description: words,
    imageUrl: new URL(`/shop/pictures/${picture}.svg`, url).href,
  };
}
