// npm run docs:shop, beside npm run demo: the pictures of /shop in README.md, taken anew.
import { statSync } from "node:fs";
import path from "node:path";
import type { BrowserContextOptions, Page } from "playwright-core";
import { findChromium, howToGetChromium, launchChromium } from "../test/support/chromium.ts";
import { publishedApi } from "./addresses.ts";
import { Failure, runMain } from "./failure.ts";
import { openProfile, root } from "./paths.ts";

const phone = { width: 360, height: 720 };
const desk = { width: 1180, height: 860 };
const orderLimitMs = 5 * 60_000;

await runMain(async () => {
  const chromium = findChromium();
  if (chromium === undefined) throw new Failure(howToGetChromium);
  const baseURL = process.argv[2] ?? publishedApi(openProfile(process.env.TALLYMAN_PROFILE ?? "dev"));
  if (baseURL === undefined) throw new Failure("Nothing runs here: start npm run demo first, or name an address.");
  const browser = await launchChromium(chromium);
  const open = async (options: BrowserContextOptions): Promise<Page> => {
    const context = await browser.newContext({ baseURL, locale: "en-GB", deviceScaleFactor: 1, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(orderLimitMs);
    return page;
  };
  const take = async (page: Page, name: string): Promise<void> => {
    const file = path.join(root, "docs", `shop-${name}.png`);
    await page.waitForLoadState("load");
    await page.screenshot({ path: file, animations: "disabled" });
    console.log(`  docs/shop-${name}.png: ${Math.round(statSync(file).size / 1024)} KB`);
  };
  try {
    const entrance = await open({ viewport: desk });
    await entrance.goto("/shop", { waitUntil: "networkidle" });
    await take(entrance, "entrance");

    const shelf = await open({ viewport: phone });
    await shelf.goto("/shop/search?q=tomatos", { waitUntil: "networkidle" });
    await shelf.locator(".card .add:enabled").first().click();
    await shelf.mouse.move(0, 0);
    await shelf.evaluate("scrollTo(0, 0)");
    await take(shelf, "shelf");

    const buyer = await open({ viewport: phone, colorScheme: "dark" });
    await buyer.goto("/shop/search?q=croissants", { waitUntil: "networkidle" });
    await buyer.locator(".card .add:enabled").first().click();
    await buyer.getByRole("link", { name: /^Basket/ }).click();
    await buyer.locator("#place").selectOption("27 Harbour Row");
    await buyer.getByRole("button", { name: "Place the order" }).click();
    await buyer.getByRole("heading", { level: 1, name: "On its way to you" }).waitFor();
    await buyer.getByText(/is \d.* away from/).waitFor();
    // Somewhere on the way.
    await buyer.waitForTimeout(8_000);
    await take(buyer, "order");
    return 0;
  } finally {
    await browser.close();
  }
});
