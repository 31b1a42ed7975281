/** Products by the page: the shelf of a category or of a search, and the button for more. */
import { announce } from "../announce.js";
import { ask, askUntilAnswered, Problem } from "../api.js";
import { element, fill } from "../dom.js";
import { plural } from "../money.js";
import { productCard } from "../product-card.js";
import { awayNotice } from "../waiting.js";

export const cardsAPage = 24;

export function pathOf(filters, cursor) {
  const query = new URLSearchParams({ limit: String(cardsAPage) });
  for (const [key, value] of Object.entries(filters)) if (value !== null && value !== "") query.set(key, value);
  if (cursor !== undefined && cursor !== null) query.set("cursor", cursor);
  return `/products?${query}`;
}

/** Asks until there is one; meanwhile what is the matter is said in `results`. */
export async function firstPage(filters, signal, results) {
  const away = awayNotice(signal);
  try {
    const { body } = await askUntilAnswered(pathOf(filters), {
      signal,
      onProblem: (problem, ms) => {
        away.tell(problem, ms);
        if (!away.node.isConnected) fill(results, away.node);
      },
    });
    return body;
  } finally {
    away.end();
  }
}

/**
 * The shelf with a first page on it. `memory` keeps what was loaded, so that who comes back finds it; `signal` ends what the cards follow.
 */
export function listing({ filters, first, memory, signal, empty }) {
  const products = [...first.products];
  let next = first.next;
  const keep = () => (memory.listing = { key: JSON.stringify(filters), products, next });
  keep();
  if (products.length === 0) return empty;

  const shelf = element(
    "ul",
    { class: "shelf" },
    products.map((product) => productCard(product, signal)),
  );
  const more = element("div", { class: "more" });
  const problemLine = element("p", { class: "more-problem", role: "status" });

  const load = async () => {
    button.disabled = true;
    fill(problemLine);
    try {
      const { body } = await ask(pathOf(filters, next), { signal });
      const cards = body.products.map((product) => productCard(product, signal));
      products.push(...body.products);
      next = body.next;
      keep();
      shelf.append(...cards);
      cards[0]?.querySelector("a")?.focus({ preventScroll: true });
      announce(`${plural(cards.length, "more product")}.`);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      fill(problemLine, "The shop does not answer at the moment. Try once more in a little while.");
    }
    button.disabled = false;
    button.hidden = next === null;
  };
  const button = element(
    "button",
    { type: "button", class: "button", onclick: () => void load().catch(ignoreLeaving(signal)), hidden: next === null },
    "Show more",
  );
  more.append(button, problemLine);
  return [shelf, more];
}

/** What was loaded of the same listing before the page was left; null: something else was. */
export const remembered = (memory, filters) =>
  memory.listing?.key === JSON.stringify(filters) ? memory.listing : null;

const ignoreLeaving = (signal) => (error) => {
  if (!signal.aborted) throw error;
};
