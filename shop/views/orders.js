/** /shop/orders: all that this browser has ordered, newest first, as it is now. */
import { askUntilAnswered, pause } from "../api.js";
import { element } from "../dom.js";
import { isOver } from "../follow-order.js";
import { orders } from "../kept.js";
import { moment } from "../money.js";
import { orderLine } from "./order-line.js";

const readMs = 3_000;
const lookupMax = 100;

export async function ordersPage(page) {
  const all = orders.all();
  const heading = element("h1", {}, "Your orders");
  if (all.length === 0) {
    page.show(
      "Your orders",
      heading,
      element(
        "section",
        { class: "empty" },
        element("p", {}, "You have not ordered anything here yet."),
        element("a", { class: "button", href: "/shop" }, "Look along the shelves"),
      ),
    );
    return;
  }
  const lines = new Map(all.map((order) => [order.id, orderLine(order)]));
  const baskets = Map.groupBy(all, ({ basketId }) => basketId);
  page.show(
    "Your orders",
    heading,
    [...baskets.values()].map((some) =>
      element(
        "section",
        { class: "basket-of-orders" },
        element("h2", {}, `Ordered ${moment(some[0].placedAt)}`),
        element(
          "ul",
          { class: "lines" },
          some.map(({ id }) => lines.get(id)),
        ),
      ),
    ),
  );
  const tell = () => {
    for (const order of orders.all()) lines.get(order.id)?.tell(order);
  };
  orders.addEventListener("change", tell, { signal: page.signal });
  await readAgain(page.signal);
}

/** One question for all that may still change; what is sent or pending, is followed by who sends it. */
async function readAgain(signal) {
  for (;;) {
    const open = orders
      .all()
      .filter(({ state, fulfilment }) => state === "accepted" && !isOver({ status: state, fulfilment }));
    if (open.length === 0) return;
    const ids = open.slice(0, lookupMax).map(({ id }) => id);
    const { body } = await askUntilAnswered("/orders/lookup", { method: "POST", body: { ids }, signal });
    for (const { orderId, status, fulfilment } of body.orders) {
      const known = orders.find(orderId);
      if (known?.state !== status || known.fulfilment !== fulfilment)
        orders.change(orderId, { state: status, fulfilment });
    }
    await pause(readMs, signal);
  }
}
