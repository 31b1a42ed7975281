/** How many there are, as it changes. */
import { element, setText } from "./dom.js";
import { count } from "./money.js";
import { followStock } from "./live.js";

const few = 5;
const seenMargin = "200px";
const flashMs = 1_200;

/** Of 1,000 units and of none the customer wants to know different things. */
export function stockWords({ quantity, archived = false }) {
  if (archived) return { level: "none", words: "No longer sold" };
  if (quantity <= 0) return { level: "none", words: "Sold out" };
  if (quantity <= few) return { level: "few", words: `Only ${count(quantity)} left` };
  return { level: "some", words: `${count(quantity)} in stock` };
}

/**
 * A label that follows the product's stock while it can be seen. `onChange` gets the product with what is new of it. `product` is changed in
 * place, so that whoever holds it knows too.
 */
export function stockLabel(product, signal, onChange = () => undefined) {
  const label = element("span", { class: "stock" });
  const show = () => {
    const { level, words } = stockWords(product);
    label.dataset.level = level;
    setText(label, words);
  };
  show();
  whileSeen(label, signal, (seen) =>
    followStock(
      product,
      ({ quantity, version }) => {
        const before = product.quantity;
        Object.assign(product, { quantity, version });
        if (quantity === before) return;
        show();
        flash(label);
        onChange(product, before);
      },
      seen,
    ),
  );
  return label;
}

function flash(label) {
  label.classList.remove("stock-new");
  void label.offsetWidth; // The animation begins anew.
  label.classList.add("stock-new");
  setTimeout(() => label.classList.remove("stock-new"), flashMs);
}

/** Calls `begin(signal)` whenever the element comes into view; that signal is aborted when it leaves. */
function whileSeen(node, signal, begin) {
  let seen = null;
  const observer = new IntersectionObserver(
    ([entry]) => {
      if (entry.isIntersecting && seen === null) {
        seen = new AbortController();
        begin(AbortSignal.any([signal, seen.signal]));
      } else if (!entry.isIntersecting) {
        seen?.abort();
        seen = null;
      }
    },
    { rootMargin: seenMargin },
  );
  observer.observe(node);
  signal.addEventListener("abort", () => observer.disconnect());
}
