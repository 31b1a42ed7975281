/** /shop/categories/{name}: one aisle, in an order of the customer's choice. */
import { element, fill } from "../dom.js";
import { navigate } from "../router.js";
import { skeletonCards } from "../product-card.js";
import { firstPage, listing, remembered } from "./listing.js";

const sorts = [
  ["name", "Name"],
  ["price", "Price, lowest first"],
  ["-price", "Price, highest first"],
  ["newest", "Newest first"],
];

export async function category(page) {
  const [name = ""] = page.params;
  const sort = sorts.some(([value]) => value === page.query.get("sort")) ? page.query.get("sort") : "name";
  const inStock = page.query.get("stock") === "in";
  const filters = { category: name, sort, ...(inStock && { inStock: "true" }) };
  const { memory, signal } = page;
  const show = (first) => listing({ filters, first, memory, signal, empty: emptyShelf(page.path, inStock) });
  const known = remembered(memory, filters);
  // What is known is there before the page is scrolled to where it was.
  const results = element("div", { class: "results" }, known === null ? skeletonCards(8) : show(known));
  page.show(
    name,
    element("div", { class: "page-head" }, element("h1", {}, name), choices(page.path, sort, inStock)),
    element("h2", { class: "visually-hidden" }, "Products"),
    results,
  );
  if (known === null) fill(results, show(await firstPage(filters, signal, results)));
}

const emptyShelf = (path, inStock) =>
  element(
    "section",
    { class: "empty" },
    element("p", {}, inStock ? "Nothing of it is in stock at the moment." : "There is nothing on this shelf."),
    element(
      "a",
      { class: "button", href: inStock ? path : "/shop" },
      inStock ? "Show what is sold out, too" : "Back to the shop",
    ),
  );

function choices(path, sort, inStock) {
  const select = element(
    "select",
    { id: "sort" },
    sorts.map(([value, words]) => element("option", { value, selected: value === sort }, words)),
  );
  const box = element("input", { type: "checkbox", id: "in-stock", checked: inStock });
  const go = (focused) => {
    const query = new URLSearchParams({
      ...(select.value !== "name" && { sort: select.value }),
      ...(box.checked && { stock: "in" }),
    });
    navigate(query.size === 0 ? path : `${path}?${query}`, { replaces: true, keepsFocus: true });
    // What was changed is still what is used.
    document.getElementById(focused)?.focus({ preventScroll: true });
  };
  select.addEventListener("change", () => go("sort"));
  box.addEventListener("change", () => go("in-stock"));
  return element(
    "div",
    { class: "choices" },
    element("label", { class: "choice" }, element("span", {}, "Sort by"), select),
    element("label", { class: "choice choice-check" }, box, element("span", {}, "In stock only")),
  );
}
