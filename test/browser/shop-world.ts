/** A shop with a real Tallyman behind it and a real browser in front of it. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import getPort from "get-port";
import type { BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";
import { findChromium, launchChromium } from "../support/chromium.ts";
import { launchRole, untilReady } from "../support/role-process.ts";
import type { Role } from "../support/role-process.ts";
import { createTallyman } from "../support/tallyman.ts";

export const chromiumPath = findChromium();
export const patience = { timeout: 60_000, interval: 100 };
export const phone = { width: 360, height: 740 };

export type NewProduct = {
  readonly id?: string;
  readonly name: string;
  readonly category: string;
  readonly priceCents?: number;
  readonly imageUrl?: string;
  readonly initialStock?: number;
};
export type Answer = Readonly<Record<string, unknown>>;

export type ShopWorld = AsyncDisposable & {
  readonly url: string;
  /** Asks the API as anybody may; throws where it refuses. */
  call(method: string, path: string, body?: object): Promise<Answer>;
  /** Resolves with its id when its first stock is there. */
  addProduct(product: NewProduct): Promise<string>;
  /** A browser of somebody else, which knows nothing yet. What its page throws, or its policy refuses, is among `complaints`. */
  visitor(options?: BrowserContextOptions): Promise<Visitor>;
  stopApi(): Promise<void>;
  startApi(): Promise<void>;
};
export type Visitor = { readonly page: Page; readonly complaints: string[] };

/** Of the demo's addresses, the first. */
export const home = { latitude: 48.1411, longitude: 11.5682, address: "4 Linden Street" };

export async function openShop(): Promise<ShopWorld> {
  if (chromiumPath === undefined) throw new Error("there is no Chromium");
  const tallyman = await createTallyman();
  const browser = await launchChromium(chromiumPath);
  const port = await getPort({ host: "127.0.0.1" });
  const url = `http://127.0.0.1:${port}`;
  let api: Role | undefined;
  const startApi = async (): Promise<void> => {
    const env = { ...tallyman.environment, PORT: String(port), INSTANCE_ID: `shop-${port}` };
    api = launchRole({ roles: ["api"], env, url });
    await untilReady(api, url);
  };
  const stopApi = async (): Promise<void> => {
    await api?.kill();
    api = undefined;
  };
  await Promise.all([startApi(), tallyman.startProcessor()]);

  const call = async (method: string, path: string, body?: object): Promise<Answer> => {
    const headers = { "content-type": "application/json", prefer: "wait=20" };
    const init = method === "GET" ? {} : { method, headers, body: JSON.stringify(body ?? {}) };
    const answer = await fetch(url + path, init);
    const text = await answer.text();
    expect(answer.ok, `${method} ${path}: ${answer.status} ${text}`).toBe(true);
    return JSON.parse(text) as Answer;
  };

  return {
    url,
    call,
    addProduct: async ({ id = `p-${randomUUID()}`, ...product }) => {
      await call("POST", "/products", { id, priceCents: 199, initialStock: 20, ...product });
      return id;
    },
    visitor: async (options = {}) => {
      const context = await browser.newContext({ baseURL: url, locale: "en-GB", ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(patience.timeout);
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.stack ?? error.message));
      page.on("console", (message) => {
        // What the server refuses is told there too, and is no fault of the page.
        const text = message.text();
        if (message.type() === "error" && !/Failed to load resource|WebSocket connection|ERR_/.test(text))
          complaints.push(text);
      });
      return { page, complaints };
    },
    startApi,
    stopApi,
    [Symbol.asyncDispose]: async () => {
      await browser.close();
      await stopApi();
      await tallyman[Symbol.asyncDispose]();
    },
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
type Violation = { id: string; impact: string; nodes: { html: string; failureSummary?: string }[] };

/** What axe finds serious or critical on the page as it is. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const question = "axe.run(document, { resultTypes: ['violations'] })";
  const found = await page.evaluate<{ violations: Violation[] }>(question);
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ""}`));
}

/** How many pixels the page is wider than its window. */
export const overflow = async (page: Page): Promise<number> =>
  Number(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"));

/** What has the focus, as a screen reader would name it. */
export const focused = async (page: Page): Promise<string> =>
  String(
    await page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"),
  );
