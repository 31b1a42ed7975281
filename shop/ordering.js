/**
 * Orders placed and cancelled so that each counts once: the id is made here and kept before anything is sent, and the same order is sent again
 * until it is known what became of it, after the page was loaded anew too.
 *
 * I1 An order is sent under one id, whatever happens to its answers.
 * I2 One sender for each id in this page; two pages that send the same id send the same order.
 */
import { ask, createBackOff, pause, Problem } from "./api.js";
import { newId } from "./ids.js";
import { customerId, orders } from "./kept.js";

const waitSeconds = 10;
const waitingMs = (waitSeconds + 10) * 1000;
const underWay = new Map();

/** Keeps the order, and sends it. `decided` resolves with what this browser keeps of it once it is decided, or can't be taken. */
export function placeOrder({ product, quantity, place, basketId }) {
  const { id: productId, name, category, imageUrl, priceCents, currency } = product;
  const order = {
    ...{ id: newId(), productId, name, category, imageUrl, priceCents, currency, quantity, basketId },
    deliveryLocation: place,
    placedAt: Date.now(),
    state: "sending",
    code: null,
    available: null,
    fulfilment: null,
  };
  orders.put(order);
  return { id: order.id, decided: send(order) };
}

/** Goes on with what was not decided when the page was left. */
export function resumeOrders() {
  for (const order of orders.all()) {
    if (order.state === "sending" || order.state === "pending") void send(order);
  }
}

function send(order) {
  const running = underWay.get(order.id) ?? sendUntilDecided(order).finally(() => underWay.delete(order.id)); // I2
  underWay.set(order.id, running);
  return running;
}

async function sendUntilDecided({ id, productId, quantity, basketId, deliveryLocation }) {
  const body = { orderId: id, productId, quantity, basketId, deliveryLocation, customerId: customerId() };
  const headers = { prefer: `wait=${waitSeconds}` };
  const backOff = createBackOff();
  for (;;) {
    try {
      const answer = await ask("/orders", { method: "POST", body, headers, timeoutMs: waitingMs });
      const { status, fulfilment } = answer.body;
      const kept = orders.change(id, { state: status, fulfilment });
      // Undecided yet: the same order again waits again (I1).
      if (status !== "pending") return kept;
      await pause(backOff.nextMs());
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!error.isTemporary) return orders.change(id, refusedState(error));
      await pause(backOff.nextMs(error));
    }
  }
}

/** What was decided against the order is its own end; what could not even be taken is `failed`. */
function refusedState({ code, body, status }) {
  const available = typeof body.available === "number" ? body.available : null;
  if (code === "order_cancelled" || code === "cancelled_before_placed") return { state: "cancelled", code, available };
  return { state: status === 409 || code === "unknown_product" ? "rejected" : "failed", code, available };
}

/** Resolves when the order is cancelled; throws the `Problem` that says why it can't be. A cancel that is sent twice is one. */
export async function cancelOrder(id, signal) {
  const backOff = createBackOff();
  const headers = { prefer: `wait=${waitSeconds}` };
  for (let tries = 1; ; tries += 1) {
    try {
      const { status } = await ask(`/orders/${id}/cancel`, {
        method: "POST",
        body: {},
        headers,
        signal,
        timeoutMs: waitingMs,
      });
      if (status === 200) return orders.change(id, { state: "cancelled" });
      await pause(backOff.nextMs(), signal);
    } catch (error) {
      if (!(error instanceof Problem) || !error.isTemporary || tries === 8) throw error;
      await pause(backOff.nextMs(error), signal);
    }
  }
}
