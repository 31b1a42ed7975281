/** /shop: the aisles, and what is new. */
import { ask, Problem } from "../api.js";
import { categories } from "../categories.js";
import { element, fill } from "../dom.js";
import { orders } from "../kept.js";
import { plural } from "../money.js";
import { pictureOfCategory } from "../picture.js";
import { productCard, skeletonCards } from "../product-card.js";
import { awayNotice } from "../waiting.js";
import { isOver } from "../follow-order.js";
import { orderLine } from "./order-line.js";

const newCards = 12;

export async function home(page) {
  const aisles = element(
    "ul",
    { class: "tiles" },
    Array.from({ length: 12 }, () => element("li", { class: "tile skeleton" })),
  );
  const shelf = element("div", {}, skeletonCards(6));
  const newest = element(
    "section",
    { "aria-labelledby": "new-heading" },
    element("h2", { id: "new-heading" }, "New on the shelves"),
    shelf,
  );
  const away = awayNotice(page.signal);
  const show = (...nodes) =>
    page.show(
      "",
      element(
        "section",
        { class: "welcome" },
        element("h1", {}, "What’s good today?"),
        element("p", {}, "Every shelf shows what is there this second. Order it, and follow it to your door."),
      ),
      underWay(),
      nodes,
    );
  show(element("h2", { class: "visually-hidden" }, "Categories"), aisles, newest);

  const all = await categories.load(page.signal, (problem, ms) => {
    away.tell(problem, ms);
    if (!away.node.isConnected) show(away.node);
  });
  away.end();
  if (all.length === 0) {
    show(emptyShop());
    return;
  }
  fill(aisles, all.map(categoryTile));
  if (!aisles.isConnected) show(element("h2", { class: "visually-hidden" }, "Categories"), aisles, newest);
  try {
    const { body } = await ask(`/products?sort=newest&inStock=true&limit=${newCards}`, { signal: page.signal });
    fill(
      shelf,
      element(
        "ul",
        { class: "shelf" },
        body.products.map((product) => productCard(product, page.signal)),
      ),
    );
    newest.hidden = body.products.length === 0;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    newest.hidden = true; // The aisles are there.
  }
}

const categoryTile = ({ name, products }) =>
  element(
    "li",
    { class: "tile" },
    pictureOfCategory(name),
    element("a", { class: "tile-link", href: `/shop/categories/${encodeURIComponent(name)}` }, name),
    element("span", { class: "tile-count" }, plural(products, "product")),
  );

/** What somebody waits for comes first. */
function underWay() {
  const waited = orders
    .all()
    .filter(({ state, fulfilment }) => state === "accepted" && !isOver({ status: state, fulfilment }));
  if (waited.length === 0) return null;
  return element(
    "section",
    { class: "under-way", "aria-labelledby": "under-way-heading" },
    element("h2", { id: "under-way-heading" }, "On its way to you"),
    element(
      "ul",
      { class: "lines" },
      waited.slice(0, 3).map((order) => orderLine(order)),
    ),
  );
}

const emptyShop = () =>
  element(
    "section",
    { class: "empty" },
    element("h2", {}, "The shelves are empty"),
    element("p", {}, "Nothing has been put on them yet. “npm run demo” brings two thousand products, and customers."),
  );
