/** Tells those who listen to the page rather than look at it. Short, and only what somebody waits for. */
import { setText } from "./dom.js";

const region = document.getElementById("announcer");
const restMs = 60;

/** The same words twice are said twice. */
export function announce(words) {
  setText(region, "");
  setTimeout(() => setText(region, words), restMs);
}
