/** What a refusal says to the customer, and the one thing to do about it. */
import { count } from "./money.js";

/**
 * `{ says, does }`; `does` is `{ label, quantity }`, an order of fewer that would do, or `{ label, href }`, or `{ label, again: true }`.
 * `order` is what this browser keeps of it (kept.js).
 */
export function remedyOf({ code, available, quantity, name, category }) {
  switch (code) {
    case "insufficient_stock":
      return available !== null && available > 0
        ? {
            says: `Only ${count(available)} left, and you asked for ${count(quantity)}.`,
            does: { label: `Order ${count(available)} instead`, quantity: available },
          }
        : { says: `${name} has just sold out.`, does: aisle(category) };
    case "product_archived":
      return { says: `${name} is no longer sold.`, does: aisle(category) };
    case "unknown_product":
      return { says: `${name} is not in the shop yet.`, does: aisle(category) };
    case "order_cancelled":
    case "cancelled_before_placed":
      return { says: "This order was cancelled.", does: { label: "Order it again", again: true } };
    default:
      return { says: "The shop could not take this order.", does: { label: "Try once more", again: true } };
  }
}

const aisle = (category) => ({
  label: `See more in ${category}`,
  href: `/shop/categories/${encodeURIComponent(category)}`,
});

/** Why an order can't be cancelled. */
export function cancelRefusal({ code, isTemporary }) {
  if (code === "already_packed") return "It is packed already, so it can’t be cancelled any more.";
  if (code === "order_rejected") return "It had been refused: there is nothing to cancel.";
  if (isTemporary) return "The shop does not answer at the moment. Nothing was lost: try again in a little while.";
  return "It can’t be cancelled any more.";
}
