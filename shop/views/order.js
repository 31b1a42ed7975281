/** /shop/orders/{id}: an order on its way, step by step, with its driver. */
import { announce } from "../announce.js";
import { ask, Problem } from "../api.js";
import { driverMap } from "../driver-map.js";
import { element, fill, setText } from "../dom.js";
import { followOrder } from "../follow-order.js";
import { orders } from "../kept.js";
import { count, distance, moment, price } from "../money.js";
import { cancelOrder, placeOrder } from "../ordering.js";
import { pictureOf } from "../picture.js";
import { cancelRefusal, remedyOf } from "../refusals.js";
import { navigate } from "../router.js";
import { loaded } from "../waiting.js";
import { newId } from "../ids.js";
import { stepList } from "./steps.js";

const headings = {
  sending: "Sending your order",
  pending: "Checking the shelf",
  accepted: "We have your order",
  packed: "Packed and ready to go",
  out_for_delivery: "On its way to you",
  delivered: "Delivered. Enjoy!",
  cancelled: "Cancelled",
  rejected: "We could not take this order",
  failed: "We could not take this order",
};

export async function orderPage(page) {
  const [id = ""] = page.params;
  let kept = orders.find(id) ?? (await fromServer(page, id));
  if (kept === null) return;

  const heading = element("h1", {}, headings[stateOf(kept)]);
  const words = element("p", { class: "order-words" });
  const steps = stepList();
  const map = driverMap(kept.deliveryLocation);
  const remedy = element("div", {});
  const cancelBox = element("div", { class: "cancel" });
  const cancelProblem = element("p", { class: "field-problem", role: "alert" });

  let told = stateOf(kept);
  const show = () => {
    const state = stateOf(kept);
    setText(heading, headings[state]);
    setText(words, sentence(kept));
    steps.show(kept);
    map.node.hidden = state !== "out_for_delivery";
    remedy.hidden = !["rejected", "failed", "cancelled"].includes(state);
    if (!remedy.hidden && remedy.childElementCount === 0) fill(remedy, remedyButton(kept));
    cancelBox.hidden = !["accepted", "pending"].includes(state);
    if (told !== state) announce(`${headings[state]}. ${words.textContent}`);
    told = state;
  };
  const change = (changes) => {
    kept = orders.change(id, changes) ?? { ...kept, ...changes };
    show();
  };

  fill(cancelBox, cancelButton(page.signal, id, change, cancelProblem), cancelProblem);
  show();
  page.show(
    heading.textContent,
    element("a", { class: "back", href: "/shop/orders" }, "All your orders"),
    element(
      "div",
      { class: "order" },
      element("section", { class: "order-way" }, heading, words, remedy, map.node, steps.node),
      summary(kept, cancelBox),
    ),
  );
  orders.addEventListener(
    "change",
    ({ detail }) => {
      if (detail !== null && detail !== id) return;
      kept = orders.find(id) ?? kept;
      show();
      if (kept.state !== "sending") follow();
    },
    { signal: page.signal },
  );

  let isFollowed = false;
  const follow = () => {
    if (isFollowed || ["rejected", "failed"].includes(kept.state)) return;
    isFollowed = true;
    const onOrder = ({ status, fulfilment }) => {
      const reason = status === "rejected" ? { code: kept.code } : {};
      if (kept.state !== status || kept.fulfilment !== fulfilment) change({ state: status, fulfilment, ...reason });
      void readSteps();
    };
    const onDriver = (view) => {
      map.show(view);
      setText(words, sentence(kept, view));
    };
    followOrder(id, { onOrder, onDriver, signal: page.signal });
  };
  const readSteps = async () => {
    try {
      steps.times((await ask(`/orders/${id}/fulfilment`, { signal: page.signal })).body.steps);
    } catch (error) {
      if (!(error instanceof Problem) && !page.signal.aborted) throw error; // The times are a nicety.
    }
  };
  if (kept.state !== "sending") follow();
}

const stateOf = ({ state, fulfilment }) => (state === "accepted" ? (fulfilment ?? "accepted") : state);

/** What there is to say beside the heading. */
function sentence(kept, view = null) {
  const where = kept.deliveryLocation?.address ?? "your door";
  switch (stateOf(kept)) {
    case "sending":
      return "It is sent until the shop has it; you can leave this page.";
    case "pending":
      return "It is in the queue, and safe.";
    case "accepted":
      return "Somebody is about to take it off the shelf.";
    case "packed":
      return "It waits for its driver.";
    case "out_for_delivery":
      if (view === null) return `A driver brings it to ${where}.`;
      if (view.distanceMetres === null) return `${view.driver.name} brings it to ${where}.`;
      return view.distanceMetres < 60
        ? `${view.driver.name} is at the door.`
        : `${view.driver.name} is ${distance(view.distanceMetres)} away from ${where}.`;
    case "delivered":
      return `It was brought to ${where}.`;
    default:
      return remedyOf(kept).says;
  }
}

function remedyButton(kept) {
  const { does } = kept.state === "cancelled" ? { does: { label: "Order it again", again: true } } : remedyOf(kept);
  if (does.href !== undefined) return element("a", { class: "button button-main", href: does.href }, does.label);
  const again = () => {
    const product = { ...kept, id: kept.productId };
    const quantity = does.quantity ?? kept.quantity;
    // It is kept before it is sent: its page is there at once, and follows it.
    navigate(`/shop/orders/${placeOrder({ product, quantity, place: kept.deliveryLocation, basketId: newId() }).id}`);
  };
  return element("button", { type: "button", class: "button button-main", onclick: again }, does.label);
}

function cancelButton(signal, id, change, problemLine) {
  const cancel = async () => {
    button.disabled = true;
    setText(button, "Cancelling…");
    setText(problemLine, "");
    try {
      await cancelOrder(id, signal);
      change({ state: "cancelled" });
    } catch (error) {
      if (!(error instanceof Problem)) {
        if (!signal.aborted) throw error;
        return;
      }
      setText(problemLine, cancelRefusal(error));
    }
    button.disabled = false;
    setText(button, "Cancel this order");
  };
  const button = element(
    "button",
    { type: "button", class: "button button-quiet", onclick: () => void cancel() },
    "Cancel this order",
  );
  return button;
}

const summary = (kept, cancelBox) =>
  element(
    "aside",
    { class: "summary", "aria-label": "What was ordered" },
    element(
      "div",
      { class: "line" },
      pictureOf(kept),
      element(
        "div",
        { class: "line-words" },
        element(
          "a",
          { class: "line-name", href: `/shop/products/${encodeURIComponent(kept.productId)}` },
          `${count(kept.quantity)} × ${kept.name}`,
        ),
        element("span", { class: "line-when" }, `Ordered ${moment(kept.placedAt)}`),
      ),
      element("span", { class: "line-sum" }, price(kept.priceCents * kept.quantity, kept.currency)),
    ),
    kept.deliveryLocation === null
      ? null
      : element("p", { class: "summary-place" }, kept.deliveryLocation.address ?? "Where you are"),
    element("p", { class: "summary-id" }, `Order ${kept.id}`),
    cancelBox,
  );

/** An order of another browser, by its link. */
async function fromServer(page, id) {
  if (!/^[0-9a-f-]{36}$/i.test(id)) {
    await loaded(page, "/orders/00000000-0000-0000-0000-000000000000", {
      title: "Order",
      skeleton: null,
      missing: "This order",
    });
    return null;
  }
  const order = await loaded(page, `/orders/${id}`, {
    title: "Order",
    skeleton: element("p", { class: "skeleton skeleton-line" }),
    missing: "This order",
  });
  if (order === null) return null;
  const { productId, quantity, unitPriceCents, currency, deliveryLocation, status, fulfilment, reason, placedAt } =
    order;
  const known = await ask(`/products/${encodeURIComponent(productId)}`, { signal: page.signal }).catch(() => null);
  const { name = productId, category = "", imageUrl = null } = known?.body ?? {};
  return {
    ...{ id, productId, name, category, imageUrl, quantity, deliveryLocation, fulfilment, basketId: id },
    priceCents: unitPriceCents ?? 0,
    currency: currency ?? "EUR",
    placedAt: Date.parse(placedAt),
    state: status,
    code: reason,
    available: null,
  };
}
