/**
 * Where the driver is, seen from the door: the door in the middle, and rings around it. Near and far fit into one picture, for distance is drawn
 * by its square root.
 */
import { drawn, element, setText } from "./dom.js";
import { distance } from "./money.js";

const [width, height] = [360, 240];
const [x0, y0] = [width / 2, height / 2];
const radius = 112;
/** Words lie on the rings below the door to the right, away from most drivers. */
const wordTurn = Math.PI / 4;
const metresMax = 3_000;
const rings = [250, 1_000, 2_000];
const metresPerDegree = 111_320;
const compass = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"];

const drawnAt = (metres) => radius * Math.sqrt(Math.min(1, metres / metresMax));

const wordOn = (r, words) =>
  drawn("text", { x: x0 + r * Math.cos(wordTurn), y: y0 + r * Math.sin(wordTurn) + 4, class: "map-word" }, words);

export function driverMap(door) {
  const letter = drawn("text", { class: "map-letter", y: 4.5 });
  const car = drawn(
    "g",
    { class: "map-driver" },
    drawn("circle", { r: 19, class: "map-driver-halo" }),
    drawn("circle", { r: 12 }),
    letter,
  );
  const line = drawn("line", { class: "map-line", x1: x0, y1: y0, x2: x0, y2: y0 });
  const picture = drawn(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "map-picture", role: "img", "aria-label": "Where the driver is" },
    rings.map((metres) => drawn("circle", { cx: x0, cy: y0, r: drawnAt(metres), class: "map-ring" })),
    rings.map((metres) => wordOn(drawnAt(metres), distance(metres))),
    line,
    drawn("path", { class: "map-door", d: `M${x0 - 9} ${y0 + 9}v-10l9-8 9 8v10z` }),
    car,
  );
  const age = element("p", { class: "map-age" });
  const node = element("figure", { class: "map", hidden: true }, picture, element("figcaption", {}, age));
  return {
    node,
    /** `view` is `GET /orders/{id}/driver`'s answer, or null. */
    show(view) {
      const position = view?.position ?? null;
      const isKnown = position !== null && door !== null;
      car.toggleAttribute("hidden", !isKnown);
      line.toggleAttribute("hidden", !isKnown);
      node.dataset.known = String(isKnown);
      if (!isKnown) {
        setText(age, view === null ? "" : "The driver is out of reach for a moment.");
        return;
      }
      setText(letter, [...view.driver.name][0] ?? "");
      const north = (position.latitude - door.latitude) * metresPerDegree;
      const east = (position.longitude - door.longitude) * metresPerDegree * Math.cos((door.latitude * Math.PI) / 180);
      const metres = Math.hypot(north, east);
      const scale = metres === 0 ? 0 : drawnAt(metres) / metres;
      const [x, y] = [x0 + east * scale, y0 - north * scale];
      car.style.transform = `translate(${x}px, ${y}px)`;
      line.setAttribute("x2", String(x));
      line.setAttribute("y2", String(y));
      const direction = compass[Math.round((Math.atan2(east, north) / (2 * Math.PI)) * 8 + 8) % 8];
      picture.setAttribute(
        "aria-label",
        `${view.driver.name} is ${distance(view.distanceMetres ?? metres)} to the ${direction} of the door`,
      );
      const seconds = Math.round(position.ageMs / 1000);
      setText(age, seconds < 10 ? "Seen just now" : `Seen ${seconds} s ago`);
    },
  };
}
