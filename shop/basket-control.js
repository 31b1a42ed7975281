/** Puts a product into the basket, and says how many of it are there: one button, which becomes three. */
import { announce } from "./announce.js";
import { element, fill, icon } from "./dom.js";
import { basket } from "./kept.js";
import { count } from "./money.js";

const unitsMax = 1_000;

/** `product` is read whenever it matters: its quantity may change. `wide` says it with words. */
export function basketControl(product, signal, { wide = false } = {}) {
  const box = element("div", { class: wide ? "control control-wide" : "control" });
  const set = (quantity, focused) => {
    basket.set(product, quantity);
    announce(
      quantity === 0 ? `${product.name} is out of the basket.` : `${count(quantity)} of ${product.name} in the basket.`,
    );
    // The button that was pressed may be gone.
    if (!box.contains(document.activeElement)) (box.querySelector(focused) ?? box.querySelector("button"))?.focus();
  };
  const show = () => {
    const quantity = basket.quantityOf(product.id);
    const isGone = product.archived === true || product.quantity <= 0;
    const focused = box.contains(document.activeElement) ? document.activeElement.dataset.does : undefined;
    if (quantity === 0) {
      const words = isGone ? "Sold out" : "Add to basket";
      const name = isGone ? `${product.name}: sold out` : `Add ${product.name} to the basket`;
      const add = { type: "button", class: "add", "data-does": "more", disabled: isGone, "aria-label": !wide && name };
      const put = () => set(1, "[data-does=more]");
      fill(box, element("button", { ...add, onclick: put }, !(wide && isGone) && icon("plus"), wide && words));
    } else {
      const fewer = { type: "button", class: "step", "data-does": "fewer", "aria-label": `One ${product.name} less` };
      const more = { type: "button", class: "step", "data-does": "more", "aria-label": `One ${product.name} more` };
      fill(
        box,
        element(
          "button",
          { ...fewer, onclick: () => set(quantity - 1, "[data-does=more]") },
          icon(quantity === 1 ? "bin" : "minus"),
        ),
        element("span", { class: "control-count" }, count(quantity), wide && " in the basket"),
        element(
          "button",
          {
            ...more,
            disabled: quantity >= Math.min(unitsMax, Math.max(product.quantity, 0)),
            onclick: () => set(quantity + 1, "[data-does=fewer]"),
          },
          icon("plus"),
        ),
      );
    }
    box.dataset.isFull = String(quantity > 0);
    if (focused !== undefined) box.querySelector(`[data-does=${focused}]:enabled`)?.focus();
  };
  show();
  basket.addEventListener("change", ({ detail }) => (detail === null || detail === product.id) && show(), { signal });
  return { box, refresh: show };
}
