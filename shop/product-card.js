/** A product as shelves show it. */
import { basketControl } from "./basket-control.js";
import { element } from "./dom.js";
import { price } from "./money.js";
import { pictureOf } from "./picture.js";
import { stockLabel } from "./stock-label.js";

export function productCard(product, signal) {
  const control = basketControl(product, signal);
  const label = stockLabel(product, signal, control.refresh);
  const link = element(
    "a",
    { class: "card-link", href: `/shop/products/${encodeURIComponent(product.id)}` },
    product.name,
  );
  return element(
    "li",
    { class: "card" },
    element("div", { class: "card-top" }, pictureOf(product), control.box),
    element("p", { class: "card-price" }, price(product.priceCents, product.currency)),
    element("h3", { class: "card-name" }, link),
    label,
  );
}

/** Where products will be. */
export function skeletonCards(cards) {
  const one = () =>
    element(
      "li",
      { class: "card card-skeleton" },
      element("div", { class: "picture skeleton" }),
      element("span", { class: "skeleton skeleton-line" }),
      element("span", { class: "skeleton skeleton-line skeleton-short" }),
    );
  return element("ul", { class: "shelf", "aria-hidden": "true" }, Array.from({ length: cards }, one));
}
