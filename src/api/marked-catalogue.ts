import type { BeforeCommit, CatalogueStore } from "../stores/catalogue-store.ts";
import { allProductsScope, categoryScope, productScope } from "../stores/page-cache.ts";
import type { Announce, PageMarks } from "./page-marks.ts";

/** The catalogue, whose writers tell of each page that they change: the product's, its categories', and those of all products. */
export function createMarkedCatalogue(catalogue: CatalogueStore, marks: Pick<PageMarks, "changing">): CatalogueStore {
  const announcing =
    (announce: Announce): BeforeCommit =>
    (touched) => {
      const scopes = new Set([allProductsScope]);
      for (const { productId, categories } of touched) {
        scopes.add(productScope(productId));
        for (const category of categories) scopes.add(categoryScope(category));
      }
      return announce([...scopes]);
    };
  return {
    products: (ids) => catalogue.products(ids),
    list: (listing, after, limit) => catalogue.list(listing, after, limit),
    categories: () => catalogue.categories(),
    create: (product) => marks.changing((announce) => catalogue.create(product, announcing(announce))),
    change: (id, change, revisions) =>
      marks.changing((announce) => catalogue.change(id, change, revisions, announcing(announce))),
    putAll: (wanted, isTrial) =>
      isTrial
        ? catalogue.putAll(wanted, true)
        : marks.changing((announce) => catalogue.putAll(wanted, false, announcing(announce))),
  };
}
