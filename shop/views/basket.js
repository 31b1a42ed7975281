/**
 * /shop/basket: what was chosen, and ordering it. An order is of one product, so that several lines are several orders; what can't be had
 * spoils no other line.
 */
import { announce } from "../announce.js";
import { basketControl } from "../basket-control.js";
import { element, fill, setText } from "../dom.js";
import { newId } from "../ids.js";
import { basket, orders } from "../kept.js";
import { plural, price } from "../money.js";
import { placeOrder } from "../ordering.js";
import { pictureOf } from "../picture.js";
import { placeChoice } from "../place-choice.js";
import { focusHeading, navigate } from "../router.js";
import { stockLabel } from "../stock-label.js";
import { basketProblem } from "./basket-problem.js";

export function basketPage(page) {
  const heading = element("h1", {}, "Your basket");
  const list = element("ul", { class: "lines" });
  const problems = element("div", { class: "problems", role: "status" });
  const total = element("p", { class: "total" });
  const choice = placeChoice(page.signal);
  const button = element("button", { type: "submit", class: "button button-main" }, "Place the order");
  const form = element(
    "form",
    { class: "till" },
    element("h2", { class: "visually-hidden" }, "Delivery"),
    choice.node,
    total,
    button,
  );
  const rows = new Map();
  let isPlacing = false;

  const show = () => {
    const lines = basket.lines();
    if (lines.length === 0 && !isPlacing && problems.childElementCount === 0) {
      page.show("Basket", heading, emptyBasket());
      return;
    }
    for (const { product } of lines) if (!rows.has(product.id)) rows.set(product.id, row(product, page.signal));
    for (const [id] of rows) if (!lines.some(({ product }) => product.id === id)) rows.delete(id);
    const wanted = [...rows.values()].map(({ node }) => node);
    // Rows that stay are left alone: one of them may have the focus.
    for (const node of [...list.children]) if (!wanted.includes(node)) node.remove();
    for (const node of wanted) if (!node.isConnected) list.append(node);
    for (const { product, quantity } of lines) rows.get(product.id).tell(quantity);
    form.hidden = lines.length === 0;
    setText(total, `Together ${together(lines)}`);
    if (!form.isConnected) page.show("Basket", heading, problems, element("div", { class: "basket" }, list, form));
  };

  /** Orders these lines; what was taken leaves the basket, what was refused says what to do. */
  const place = async (lines) => {
    const chosen = await choice.chosen();
    if (chosen === null) return;
    isPlacing = true;
    button.disabled = true;
    setText(button, "Placing the order…");
    const basketId = newId();
    const placed = await Promise.all(
      lines.map(async ({ product, quantity }) => {
        rows.get(product.id)?.node.setAttribute("aria-busy", "true");
        const order = await placeOrder({ product, quantity, place: chosen, basketId }).decided;
        basket.set(product, 0);
        return order;
      }),
    );
    isPlacing = false;
    if (page.signal.aborted) return;
    button.disabled = false;
    setText(button, "Place the order");
    finish(placed);
  };

  const finish = (placed) => {
    const refused = placed.filter(({ state }) => state !== "accepted");
    const taken = placed.length - refused.length;
    if (refused.length === 0) {
      announce(taken === 1 ? "The order is accepted." : `All ${plural(taken, "order")} are accepted.`);
      navigate(taken === 1 ? `/shop/orders/${placed[0].id}` : "/shop/orders");
      return;
    }
    const again = (order, quantity) => place([{ product: { ...order, id: order.productId }, quantity }]);
    fill(
      problems,
      taken > 0 &&
        element(
          "p",
          { class: "taken" },
          `${plural(taken, "order")} accepted. `,
          element("a", { href: "/shop/orders" }, "Follow them"),
        ),
      refused.map((order) => basketProblem(order, { again, done: (node) => (node.remove(), show()) })),
    );
    show();
    problems.querySelector("button, a.button")?.focus();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    fill(problems);
    if (!isPlacing) void place(basket.lines());
  });
  basket.addEventListener("change", show, { signal: page.signal });
  orders.addEventListener("change", () => undefined, { signal: page.signal });
  show();
  if (page.memory.wasShown === undefined) page.memory.wasShown = true;
  else focusHeading();
}

/** Prices of several currencies are not added up. */
function together(lines) {
  const sums = new Map();
  for (const { product, quantity } of lines) {
    sums.set(product.currency, (sums.get(product.currency) ?? 0) + product.priceCents * quantity);
  }
  return [...sums].map(([currency, cents]) => price(cents, currency)).join(" and ");
}

function row(product, signal) {
  const control = basketControl(product, signal);
  const sum = element("span", { class: "line-sum" });
  const href = `/shop/products/${encodeURIComponent(product.id)}`;
  // How many there were when it was put in says nothing now: the label asks.
  const label = stockLabel(Object.assign(product, { version: -1 }), signal, control.refresh);
  const node = element(
    "li",
    { class: "line" },
    pictureOf(product),
    element("div", { class: "line-words" }, element("a", { class: "line-name", href }, product.name), label),
    control.box,
    sum,
  );
  return { node, tell: (quantity) => setText(sum, price(product.priceCents * quantity, product.currency)) };
}

const emptyBasket = () =>
  element(
    "section",
    { class: "empty" },
    element("p", {}, "There is nothing in it yet."),
    element("a", { class: "button", href: "/shop" }, "Look along the shelves"),
  );
