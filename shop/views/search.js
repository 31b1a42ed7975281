/**
 * /shop/search?q=: what was typed, as it is typed.
 *
 * I1 The newest words win: whoever asks anew gives up the question before, so that no older answer is ever shown over a newer one.
 */
import { announce } from "../announce.js";
import { Problem } from "../api.js";
import { element, fill } from "../dom.js";
import { plural } from "../money.js";
import { skeletonCards } from "../product-card.js";
import { navigate, readdress } from "../router.js";
import { cardsAPage, firstPage, listing, remembered } from "./listing.js";

const box = document.getElementById("search-box");
const restMs = 160;
const announceMs = 700;
/** Takes new words while its page is shown. */
let showWords = null;
let typing;

/** Once, when the shop opens: the box is above every page. */
export function startSearch() {
  const form = document.getElementById("search-form");
  const go = (isCommitted) => {
    clearTimeout(typing);
    const words = box.value.trim();
    const path = words === "" ? "/shop/search" : `/shop/search?q=${encodeURIComponent(words)}`;
    if (showWords !== null) {
      readdress(path);
      showWords(words);
    } else if (words !== "") navigate(path, { keepsFocus: true });
    if (isCommitted) firstResult()?.focus();
  };
  box.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(go, restMs, false);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go(true);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && firstResult() !== null) {
      event.preventDefault();
      firstResult().focus();
    } else if (event.key === "Escape" && box.value !== "") {
      event.preventDefault();
      box.value = "";
      if (showWords !== null) go(false);
    }
  });
  // "/" is where the search is, as on many pages.
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, select, textarea") !== null;
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    box.focus();
  });
}

const firstResult = () => document.querySelector("main[data-view=search] .card-link");

export function search(page) {
  const heading = element("h1", {});
  const results = element("div", { class: "results" });
  let asked = new AbortController();
  let announcing;

  const show = async (words) => {
    asked.abort(); // I1
    asked = new AbortController();
    clearTimeout(announcing);
    const signal = AbortSignal.any([page.signal, asked.signal]);
    document.title = words === "" ? "Search · Tallyman’s" : `${words} · Tallyman’s`;
    heading.textContent = words === "" ? "What are you looking for?" : `“${words}”`;
    results.setAttribute("aria-busy", "true");
    if (words === "") {
      fill(
        results,
        element("p", { class: "hint" }, "Begin to type: the first letters will do, and so will nearly the right word."),
      );
      results.removeAttribute("aria-busy");
      return;
    }
    const filters = { q: words };
    if (results.childElementCount === 0 || results.querySelector(".hint, .empty") !== null)
      fill(results, skeletonCards(8));
    const first = remembered(page.memory, filters) ?? (await firstPage(filters, signal, results));
    const empty = nothing(words);
    fill(results, listing({ filters, first, memory: page.memory, signal, empty }));
    results.removeAttribute("aria-busy");
    const found =
      first.products.length >= cardsAPage && first.next !== null
        ? `More than ${cardsAPage} products.`
        : `${plural(first.products.length, "product")}.`;
    announcing = setTimeout(() => announce(found), announceMs);
  };
  const begin = (words) =>
    show(words).catch((error) => {
      if (error instanceof Problem) fill(results, nothing(words));
      else if (error.name !== "AbortError" && !page.signal.aborted) throw error;
    });

  const words = page.query.get("q")?.trim() ?? "";
  if (document.activeElement !== box) box.value = words;
  showWords = (next) => void begin(next);
  page.signal.addEventListener("abort", () => {
    showWords = null;
    clearTimeout(announcing);
    if (document.activeElement !== box) box.value = "";
  });
  // What is known from before is there before the page is scrolled to where it was.
  const begun = begin(words);
  page.show(words === "" ? "Search" : words, heading, element("h2", { class: "visually-hidden" }, "Products"), results);
  return begun;
}

const nothing = (words) =>
  element(
    "section",
    { class: "empty" },
    element("p", {}, `Nothing here is called “${words}”, or nearly that.`),
    element("a", { class: "button", href: "/shop" }, "Look along the shelves"),
  );
