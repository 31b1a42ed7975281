/** The categories: read once, shown above every page, and read again when somebody comes to the entrance. */
import { askUntilAnswered } from "./api.js";
import { element, fill } from "./dom.js";
import { markCurrent } from "./router.js";

const nav = document.getElementById("aisles");

export const categories = {
  /** Resolves with `[{ name, products }]`, however long that takes. */
  async load(signal, onProblem) {
    const { body } = await askUntilAnswered("/categories", { signal, onProblem });
    const names = body.categories.map(({ name }) => name);
    const shown = [...nav.querySelectorAll("a")].map((link) => link.textContent);
    if (names.join("\n") !== shown.join("\n")) {
      fill(
        nav,
        element(
          "ul",
          {},
          names.map((name) =>
            element("li", {}, element("a", { href: `/shop/categories/${encodeURIComponent(name)}` }, name)),
          ),
        ),
      );
    }
    markCurrent();
    return body.categories;
  },
};
