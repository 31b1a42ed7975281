/** An order as lists show it. */
import { element, setText } from "../dom.js";
import { count, price } from "../money.js";
import { pictureOf } from "../picture.js";

/** Where an order is, in a word or two. */
export function orderWords({ state, fulfilment }) {
  if (state === "sending") return "Being sent…";
  if (state === "pending") return "Being checked…";
  if (state === "accepted" && fulfilment === "packed") return "Packed";
  if (state === "accepted" && fulfilment === "out_for_delivery") return "On its way";
  if (state === "accepted" && fulfilment === "delivered") return "Delivered";
  if (state === "accepted") return "Accepted";
  if (state === "cancelled") return "Cancelled";
  return "Not accepted";
}

export function orderLine(order) {
  const words = element("span", { class: "order-state" });
  const node = element(
    "li",
    { class: "line line-order" },
    pictureOf(order),
    element(
      "div",
      { class: "line-words" },
      element(
        "a",
        { class: "line-name line-link", href: `/shop/orders/${order.id}` },
        `${count(order.quantity)} × ${order.name}`,
      ),
      words,
    ),
    element("span", { class: "line-sum" }, price(order.priceCents * order.quantity, order.currency)),
  );
  node.tell = (now) => {
    setText(words, orderWords(now));
    words.dataset.state = now.fulfilment ?? now.state;
  };
  node.tell(order);
  return node;
}
