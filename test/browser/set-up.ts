import { findChromium, howToGetChromium } from "../support/chromium.ts";

/** Runs once before the tier: that it is skipped must not go unseen. */
export function setup(): void {
  if (findChromium() === undefined) console.warn(`\n${howToGetChromium}\n`);
}
