/** /shop/products/{id}: one product, as it is now. */
import { announce } from "../announce.js";
import { basketControl } from "../basket-control.js";
import { element } from "../dom.js";
import { price } from "../money.js";
import { pictureOf } from "../picture.js";
import { stockLabel, stockWords } from "../stock-label.js";
import { loaded } from "../waiting.js";

export async function product(page) {
  const [id = ""] = page.params;
  const skeleton = element(
    "div",
    { class: "product", "aria-hidden": "true" },
    element("div", { class: "picture skeleton" }),
    element("div", { class: "product-about" }, element("span", { class: "skeleton skeleton-line" })),
  );
  const shown = await loaded(page, `/products/${encodeURIComponent(id)}`, {
    title: "Product",
    skeleton,
    missing: "This product",
  });
  if (shown === null) return;
  const control = basketControl(shown, page.signal, { wide: true });
  // Read out when it matters to whoever is about to buy, and not with every unit that somebody else buys.
  const label = stockLabel(shown, page.signal, (now, before) => {
    control.refresh();
    if (stockWords(now).level !== stockWords({ quantity: before }).level)
      announce(`${now.name}: ${stockWords(now).words}.`);
  });
  page.show(
    shown.name,
    element(
      "article",
      { class: "product" },
      pictureOf(shown),
      element(
        "div",
        { class: "product-about" },
        element(
          "nav",
          { class: "crumbs", "aria-label": "Where this is" },
          element("a", { href: `/shop/categories/${encodeURIComponent(shown.category)}` }, shown.category),
        ),
        element("h1", {}, shown.name),
        element("p", { class: "product-price" }, price(shown.priceCents, shown.currency)),
        element("p", { class: "product-stock" }, label, element("span", { class: "live-dot" }, "live")),
        control.box,
        shown.description === null ? null : element("p", { class: "product-words" }, shown.description),
      ),
    ),
  );
}
