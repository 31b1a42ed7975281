/**
 * Pages without loading the document anew. A view is a function of a `page`; what it opens, it ties to `page.signal`, which is aborted when the
 * page is left.
 *
 * I1 The heading gets the focus when a page was navigated to, and the place on the page is where it was when somebody comes back.
 * I2 A view that was left changes nothing any more: `page.show` does nothing once the signal is aborted.
 */
import { fill } from "./dom.js";

const main = document.getElementById("main");
const shopName = "Tallyman’s";
/** By entry of the history, what its view remembers; only as long as this document lives. */
const memories = new Map();
let routes = [];
let current = null;

/** `list` is `[[pattern, view]]`; a pattern's groups are the view's params. */
export function startRouter(list) {
  routes = list;
  history.scrollRestoration = "manual";
  addEventListener("popstate", () => open({ isMove: true }));
  addEventListener("scroll", () => current !== null && (current.memory.scrollY = scrollY), { passive: true });
  document.addEventListener("click", followLink);
  open({ isMove: false });
}

/** Goes to a page of the shop. `keepsFocus`: where the focus is belongs to somebody who goes on typing. */
export function navigate(path, { replaces = false, keepsFocus = false } = {}) {
  const state = { key: crypto.getRandomValues(new Uint32Array(2)).join("-") };
  if (replaces) history.replaceState(state, "", path);
  else history.pushState(state, "", path);
  open({ isMove: !keepsFocus });
}

/** Changes the address of the page that is shown, which stays. */
export function readdress(path) {
  history.replaceState(history.state, "", path);
  if (current !== null) current.path = path;
  markCurrent();
}

function followLink(event) {
  const { defaultPrevented, button, metaKey, ctrlKey, shiftKey, altKey, target } = event;
  if (defaultPrevented || button !== 0 || metaKey || ctrlKey || shiftKey || altKey) return;
  const link = target.closest?.("a[href]");
  if (link === null || link === undefined || link.target !== "" || link.origin !== location.origin) return;
  if (!/^\/shop(\/|$)/.test(link.pathname)) return;
  event.preventDefault();
  // A place on this page, and no page of its own.
  if (link.hash !== "" && link.pathname === location.pathname) document.getElementById(link.hash.slice(1))?.focus();
  else navigate(link.pathname + link.search);
}

function open({ isMove }) {
  if (history.state?.key === undefined)
    history.replaceState({ key: crypto.randomUUID?.() ?? String(Math.random()) }, "");
  const { key } = history.state;
  current?.leaving.abort();
  const path = location.pathname.replace(/\/$/, "");
  const [view, params] = viewOf(path);
  const memory = memories.get(key) ?? {};
  memories.set(key, memory);
  const leaving = new AbortController();
  const page = { path, params, query: new URLSearchParams(location.search), memory, signal: leaving.signal, view };
  const place = { leaving, memory, path: path + location.search };
  current = place;
  let isFirst = true;
  const back = memory.scrollY ?? 0;

  page.show = (title, ...nodes) => {
    if (leaving.signal.aborted) return; // I2
    document.title = title === "" ? shopName : `${title} · ${shopName}`;
    // The heading of what is replaced, such as a skeleton, may have the focus.
    const wasAtHeading = document.activeElement === main.querySelector("h1");
    fill(main, nodes);
    if ((isFirst && isMove) || (!isFirst && wasAtHeading)) focusHeading();
    if (isFirst) scrollTo({ top: isMove ? back : 0, behavior: "instant" });
    isFirst = false;
  };
  main.dataset.view = view.name;
  markCurrent();
  Promise.resolve(view(page)).catch((error) => {
    if (leaving.signal.aborted) return;
    throw error;
  });
}

function viewOf(path) {
  for (const [pattern, view] of routes) {
    const match = pattern.exec(path);
    if (match !== null) return [view, match.slice(1).map(decoded)];
  }
  throw new Error(`no view for ${path}`); // The last pattern takes any path.
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** To where a page begins, for who does not see it (I1). */
export function focusHeading() {
  const heading = main.querySelector("h1");
  if (heading === null) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** Links to the page that is shown say so. */
export function markCurrent() {
  for (const link of document.querySelectorAll("header a[href]")) {
    const isCurrent = link.pathname === location.pathname;
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
