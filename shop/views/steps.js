/** The way of an order, as a list: what is done, what is under way, what comes. */
import { element, fill, icon, setText } from "../dom.js";
import { timeOfDay } from "../money.js";
import { stepOf } from "../follow-order.js";

const words = ["Ordered", "Accepted", "Packed", "Out for delivery", "Delivered"];
const stepNames = { packed: 2, out_for_delivery: 3, delivered: 4 };

export function stepList() {
  const marks = words.map(() => element("span", { class: "step-mark", "aria-hidden": "true" }));
  const states = words.map(() => element("span", { class: "visually-hidden" }));
  const moments = words.map(() => element("span", { class: "step-time" }));
  const items = words.map((word, index) =>
    element(
      "li",
      { class: "way-step" },
      marks[index],
      element("span", { class: "step-word" }, word, states[index]),
      moments[index],
    ),
  );
  const node = element("ol", { class: "way", "aria-label": "The way of your order" }, items);
  return {
    node,
    show(kept) {
      node.hidden = ["rejected", "failed", "cancelled"].includes(kept.state);
      const done = kept.state === "accepted" ? 1 + Math.max(0, stepOf(kept) + 1) : 0;
      setText(moments[0], timeOfDay(kept.placedAt));
      for (const [index, item] of items.entries()) {
        const state = index <= done ? "done" : index === done + 1 ? "next" : "later";
        if (item.dataset.state === state) continue;
        item.dataset.state = state;
        setText(states[index], { done: ", done", next: ", next", later: "" }[state]);
        fill(marks[index], state === "done" ? icon("tick") : null);
      }
      for (const [index, item] of items.entries()) {
        if (index === done) item.setAttribute("aria-current", "step");
        else item.removeAttribute("aria-current");
      }
    },
    times(steps) {
      for (const { step, doneAt } of steps) setText(moments[stepNames[step]], timeOfDay(doneAt));
    },
  };
}
