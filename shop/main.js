/** The shop: puts the pieces together, once. */
import { connection } from "./api.js";
import { categories } from "./categories.js";
import { setText } from "./dom.js";
import { basket } from "./kept.js";
import { plural } from "./money.js";
import { resumeOrders } from "./ordering.js";
import { startRouter } from "./router.js";
import { basketPage } from "./views/basket.js";
import { category } from "./views/category.js";
import { home } from "./views/home.js";
import { orderPage } from "./views/order.js";
import { ordersPage } from "./views/orders.js";
import { product } from "./views/product.js";
import { search, startSearch } from "./views/search.js";
import { notThere } from "./waiting.js";

function showBasketCount() {
  const units = basket.lines().reduce((sum, { quantity }) => sum + quantity, 0);
  const badge = document.getElementById("basket-count");
  setText(badge, units > 99 ? "99+" : String(units));
  badge.hidden = units === 0;
  document
    .getElementById("basket-link")
    .setAttribute("aria-label", `Basket, ${units === 0 ? "empty" : plural(units, "item")}`);
}

function showConnection() {
  const notice = document.getElementById("connection");
  const words = !navigator.onLine
    ? "You are offline. What you see may be old; what you ordered is kept."
    : connection.state === "unreachable"
      ? "The shop can’t be reached at the moment. Trying again…"
      : connection.isStale
        ? "Quantities may be a little old at the moment."
        : "";
  setText(notice, words);
  notice.classList.toggle("notice-shown", words !== "");
}

basket.addEventListener("change", showBasketCount);
connection.addEventListener("change", showConnection);
for (const event of ["online", "offline"]) addEventListener(event, showConnection);
showBasketCount();
showConnection();

startSearch();
startRouter([
  [/^\/shop$/, home],
  [/^\/shop\/categories\/([^/]+)$/, category],
  [/^\/shop\/search$/, search],
  [/^\/shop\/products\/([^/]+)$/, product],
  [/^\/shop\/basket$/, basketPage],
  [/^\/shop\/orders$/, ordersPage],
  [/^\/shop\/orders\/([^/]+)$/, orderPage],
  [
    /^/,
    function missing(page) {
      page.show(...notThere("This page"));
    },
  ],
]);
resumeOrders();
if (location.pathname !== "/shop") void categories.load(new AbortController().signal);
