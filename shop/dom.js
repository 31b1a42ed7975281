/** Elements without markup: what a product is called is text wherever it goes. */

const svgNamespace = "http://www.w3.org/2000/svg";

/**
 * An element with attributes, listeners (`onclick: …`) and children; strings become text, and null, undefined and false are left out. True
 * is an attribute without a value, false one that is not there.
 */
export function element(name, attributes = {}, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

/** The same for a drawing. */
export function drawn(name, attributes = {}, ...children) {
  return furnish(document.createElementNS(svgNamespace, name), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, String(value));
  }
  node.append(...childrenOf(children));
  return node;
}

const childrenOf = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

/** Puts these in the place of what was there. */
export function fill(node, ...children) {
  node.replaceChildren(...childrenOf(children));
}

/** Changes a text only where it is another: what has not changed is not read out again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const strokes = {
  plus: "M12 6v12M6 12h12",
  minus: "M6 12h12",
  tick: "m6 12.5 4 4 8-9",
  bin: "M5 7h14m-9-3h4M7 7l1 13h8l1-13m-7 3.5v6m4-6v6",
  back: "m14 6-6 6 6 6",
};

export function icon(name) {
  return drawn(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" },
    drawn("path", { d: strokes[name] }),
  );
}
