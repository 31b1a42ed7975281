/** Where to: one of the places that the shop delivers to (`places.json`), or where the customer is. */
import { ask } from "./api.js";
import { element, fill, setText } from "./dom.js";
import { lastPlace } from "./kept.js";

const here = "here";
const positionMs = 10_000;

/** `{ node, chosen() }`; `chosen` resolves with `{ latitude, longitude, address }`, or with null, which is explained then. */
export function placeChoice(signal) {
  const select = element("select", { id: "place", autocomplete: "off" }, element("option", {}, "One moment…"));
  const problem = element("p", { class: "field-problem", role: "alert" });
  const node = element("div", { class: "field" }, element("label", { for: "place" }, "Deliver to"), select, problem);
  let places = [];
  const ready = ask("/shop/places.json", { signal })
    .then(({ body }) => {
      places = body.places;
      const known = lastPlace.read();
      fill(
        select,
        places.map(({ address }) => element("option", { value: address, selected: address === known }, address)),
        element("option", { value: here, selected: known === here }, "Where I am now"),
      );
    })
    .catch(() => fill(select, element("option", { value: here }, "Where I am now")));

  return {
    node,
    async chosen() {
      setText(problem, "");
      await ready;
      const { value } = select;
      lastPlace.write(value);
      const place = places.find(({ address }) => address === value);
      if (place !== undefined) return place;
      try {
        const { coords } = await position();
        return { latitude: coords.latitude, longitude: coords.longitude, address: "Where I am" };
      } catch {
        setText(problem, "Your browser does not say where you are. Choose an address.");
        select.focus();
        return null;
      }
    },
  };
}

const position = () =>
  new Promise((resolve, reject) => {
    if (navigator.geolocation === undefined) reject(new Error("no positions"));
    else navigator.geolocation.getCurrentPosition(resolve, reject, { timeout: positionMs, maximumAge: 60_000 });
  });
