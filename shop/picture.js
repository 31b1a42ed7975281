/** Pictures of products and categories. What has none, or one that can't be had, gets a quiet tile with its first letter. */
import { element } from "./dom.js";

const tints = 8;

/** The same name has the same tint, on every page. */
export function tintOf(name) {
  let hash = 7;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 1_000_003;
  return `tint-${hash % tints}`;
}

export function pictureOf({ name, category, imageUrl }) {
  return tile(name, category, ownPath(imageUrl));
}

/** By the first word: "Dairy & eggs" is `aisle-dairy.svg`; a shop may have categories that nobody has drawn. */
const drawnAisles = new Set(
  "bakery breakfast cheese coffee dairy drinks fruit household meat pantry sweets vegetables".split(" "),
);
export function pictureOfCategory(name) {
  const word = /^[a-z]+/.exec(name.toLowerCase())?.[0] ?? "";
  return tile(name, name, drawnAisles.has(word) ? `/shop/pictures/aisle-${word}.svg` : null);
}

function tile(name, tint, path) {
  const letter = () => element("span", { class: "picture-letter", "aria-hidden": "true" }, [...name.trim()][0] ?? "·");
  const box = element("div", { class: `picture ${tintOf(tint)}` });
  if (path === null) box.append(letter());
  else {
    // The name beside it says what it shows.
    const image = element("img", { src: path, alt: "", loading: "lazy", decoding: "async", width: 160, height: 160 });
    image.addEventListener("error", () => box.replaceChildren(letter()));
    box.append(image);
  }
  return box;
}

/**
 * The page shows pictures of this server alone. Those under /shop/ are on every api, whatever name the import gave it.
 */
function ownPath(imageUrl) {
  const url = imageUrl === null || imageUrl === undefined ? null : URL.parse(imageUrl, location.href);
  if (url === null) return null;
  return url.origin === location.origin || url.pathname.startsWith("/shop/pictures/") ? url.pathname : null;
}
