/** An order that was refused: what is the matter, and one thing to do. */
import { element } from "../dom.js";
import { remedyOf } from "../refusals.js";

/** `again(order, quantity)` orders it anew, under an id of its own; `done(node)` takes the notice away. */
export function basketProblem(order, { again, done }) {
  const { says, does } = remedyOf(order);
  const node = element("section", { class: "refusal" });
  const act = async () => {
    button.disabled = true;
    done(node);
    await again(order, does.quantity ?? order.quantity);
  };
  const button =
    does.href === undefined
      ? element("button", { type: "button", class: "button button-main", onclick: () => void act() }, does.label)
      : element("a", { class: "button button-main", href: does.href }, does.label);
  node.append(element("h2", {}, order.name), element("p", {}, says), button);
  return node;
}
