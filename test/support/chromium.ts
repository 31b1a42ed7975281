/** Where a Chromium is that tests and screenshots may drive. */
import { accessSync, constants } from "node:fs";
import { chromium } from "playwright-core";
import type { Browser } from "playwright-core";

const usual = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].map(
  (name) => `/usr/bin/${name}`,
);

/** The path of CHROMIUM_PATH, or of one that is installed; undefined: there is none. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM_PATH ?? "";
  return (named === "" ? usual : [named]).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export const howToGetChromium =
  "There is no Chromium, so that the tests of /shop are skipped: `apt-get install chromium`, or name one with CHROMIUM_PATH.";

/** With a profile of its own that is gone afterwards, and without any talk of the browser's own. */
export function launchChromium(executablePath: string): Promise<Browser> {
  const args = [
    ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
    ...["--disable-component-update", "--disable-sync", "--force-color-profile=srgb"],
  ];
  return chromium.launch({ executablePath, args });
}
