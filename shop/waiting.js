/** What a page shows while it has nothing to show: it is on its way, it can't be had at the moment, or it is not there. */
import { askUntilAnswered, Problem } from "./api.js";
import { element, setText } from "./dom.js";

/**
 * Asks until there is an answer, and shows `skeleton` and then what is the matter meanwhile. `show(nodes)` puts them on the page. Resolves with
 * the answer's body, or with null where there is no such thing, which is shown then.
 */
export async function loaded(page, path, { title, skeleton, missing }) {
  page.show(title, element("h1", {}, title === "" ? "The shop" : title), skeleton);
  const away = awayNotice(page.signal);
  let isAwayShown = false;
  try {
    const { body } = await askUntilAnswered(path, {
      signal: AbortSignal.any([page.signal]),
      onProblem: (problem, ms) => {
        away.tell(problem, ms);
        if (!isAwayShown) page.show(title, element("h1", {}, title), away.node);
        isAwayShown = true;
      },
    });
    return body;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    page.show(...notThere(missing ?? "This page"));
    return null;
  } finally {
    away.end();
  }
}

/** Says that the server is away, and when it is asked again; a button asks at once. */
export function awayNotice(signal) {
  const words = element("p", {});
  const heading = element("h2", {}, "One moment");
  const again = element(
    "button",
    { type: "button", class: "button", onclick: () => window.dispatchEvent(new Event("online")) },
    "Try now",
  );
  const node = element("section", { class: "empty", role: "status" }, heading, words, again);
  let timer;
  const end = () => clearInterval(timer);
  signal.addEventListener("abort", end);
  return {
    node,
    end,
    tell(problem, ms) {
      end();
      const until = performance.now() + ms;
      const isNetwork = problem.code === "unreachable";
      setText(heading, isNetwork && !navigator.onLine ? "You are offline" : "One moment, please");
      const why = isNetwork
        ? "The shop can’t be reached."
        : "There is a queue at the till: the shop has more to do than it can.";
      const tell = () => {
        const seconds = Math.max(0, Math.ceil((until - performance.now()) / 1000));
        words.replaceChildren(`${why} `, element("span", { "aria-hidden": "true" }, `Trying again in ${seconds} s.`));
      };
      tell();
      timer = setInterval(tell, 1_000);
    },
  };
}

/** The arguments of `page.show` for what is not there. */
export function notThere(what) {
  return [
    "Not found",
    element(
      "section",
      { class: "empty" },
      element("h1", {}, `${what} isn’t here`),
      element("p", {}, "It may have been moved to another shelf, or never have been on one."),
      element("a", { class: "button", href: "/shop" }, "Back to the shop"),
    ),
  ];
}
