/**
 * What this browser keeps: the basket, the orders by their ids, and who it is. Another tab sees it at once.
 *
 * An order is `{ id, productId, name, category, imageUrl, priceCents, currency, quantity, deliveryLocation, basketId, placedAt, state, code, available,
 * fulfilment }`. `state` is `sending` until the server is known to have it, then the order's own status, or `failed`.
 */

import { newId } from "./ids.js";

const keys = {
  basket: "tallyman.basket",
  orders: "tallyman.orders",
  customer: "tallyman.customer",
  place: "tallyman.place",
};
const ordersMax = 200;

/** Where a browser keeps nothing, it lasts as long as the page. */
const memory = new Map();

function read(key, fallback) {
  try {
    const text = localStorage.getItem(key);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return memory.get(key) ?? fallback;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    memory.set(key, value);
  }
}

export const basket = Object.assign(new EventTarget(), {
  /** `[{ product, quantity }]`, as they were put in. */
  lines: () => read(keys.basket, []),
  quantityOf: (productId) => basket.lines().find(({ product }) => product.id === productId)?.quantity ?? 0,
  set(product, quantity) {
    const lines = basket.lines();
    const line = lines.find((each) => each.product.id === product.id);
    if (line !== undefined) Object.assign(line, { quantity, product: summaryOf(product) });
    else lines.push({ product: summaryOf(product), quantity });
    write(
      keys.basket,
      lines.filter((each) => each.quantity > 0),
    );
    basket.dispatchEvent(new CustomEvent("change", { detail: product.id }));
  },
});

/** What the basket shows of a product, also while the server is away. */
function summaryOf({ id, name, category, priceCents, currency, imageUrl, quantity }) {
  return { id, name, category, priceCents, currency, imageUrl, quantity };
}

export const orders = Object.assign(new EventTarget(), {
  /** Newest first. */
  all: () => read(keys.orders, []),
  find: (id) => orders.all().find((order) => order.id === id),
  put(order) {
    const others = orders.all().filter(({ id }) => id !== order.id);
    write(keys.orders, [order, ...others].toSorted((one, other) => other.placedAt - one.placedAt).slice(0, ordersMax));
    orders.dispatchEvent(new CustomEvent("change", { detail: order.id }));
  },
  /** Returns the order as it is now; undefined: this browser has not placed it. */
  change(id, changes) {
    const order = orders.find(id);
    if (order === undefined) return undefined;
    const changed = { ...order, ...changes };
    orders.put(changed);
    return changed;
  },
});

/** Whose orders these are: made up once, and known to nobody else. */
export function customerId() {
  const known = read(keys.customer, null);
  if (typeof known === "string") return known;
  const made = `shop-${newId()}`;
  write(keys.customer, made);
  return made;
}

export const lastPlace = { read: () => read(keys.place, null), write: (name) => write(keys.place, name) };

window.addEventListener("storage", ({ key }) => {
  if (key === keys.basket) basket.dispatchEvent(new CustomEvent("change", { detail: null }));
  if (key === keys.orders) orders.dispatchEvent(new CustomEvent("change", { detail: null }));
});
