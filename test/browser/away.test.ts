// /shop while the server is away, and after it: what is shown, and that it goes on by itself.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath, openShop, patience } from "./shop-world.ts";
import type { ShopWorld } from "./shop-world.ts";

describe.skipIf(chromiumPath === undefined)("/shop and a server that goes away", () => {
  let shop: ShopWorld;
  let id = "";
  beforeAll(async () => {
    shop = await openShop();
    id = await shop.addProduct({ name: "Honey, 340 g", category: "Breakfast", initialStock: 30 });
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  test("stock goes on where it was, an order waits for the server, and is one order", async () => {
    const { page, complaints } = await shop.visitor();
    await page.goto(`/shop/products/${id}`);
    await page.getByText("30 in stock").waitFor();
    await page.getByRole("button", { name: /^Add/ }).click();
    await page.getByRole("link", { name: "Basket, 1 item" }).click();
    await page.locator("#place option").first().waitFor({ state: "attached" });
    const onlooker = await shop.visitor();
    await onlooker.page.goto(`/shop/products/${id}`);
    await onlooker.page.getByText("30 in stock").waitFor();

    await shop.stopApi();
    await page.getByRole("button", { name: "Place the order" }).click();
    await page.getByText("The shop can’t be reached at the moment.").waitFor();
    await shop.startApi();
    await page.getByRole("heading", { level: 1, name: "We have your order" }).waitFor();
    expect(await shop.call("GET", `/products/${id}`)).toMatchObject({ quantity: 29 });
    await onlooker.page.getByText("29 in stock").waitFor();
    await expect.poll(() => page.locator("#connection").textContent(), patience).toBe("");

    // The order's own page was there all the time: it comes again, too.
    const orderId = page.url().split("/").at(-1) ?? "";
    await shop.stopApi();
    await shop.startApi();
    await shop.call("POST", `/orders/${orderId}/pack`);
    await page.getByRole("heading", { level: 1, name: "Packed and ready to go" }).waitFor();
    expect([...complaints, ...onlooker.complaints]).toEqual([]);
  });

  test("a shelf that can't be had says so, tries again when it was told to, and then is there", async () => {
    const { page, complaints } = await shop.visitor();
    let asked = 0;
    await page.route("**/products?*", (route) => {
      asked += 1;
      if (asked > 2) return route.continue();
      const problem = { code: "overloaded", detail: "Too many." };
      return route.fulfill({ status: 503, headers: { "retry-after": "1" }, json: problem });
    });
    await page.goto("/shop/categories/Breakfast");
    await page.getByText("There is a queue at the till").waitFor();
    const first = performance.now();
    await page.getByRole("link", { name: "Honey, 340 g" }).waitFor();
    expect(asked).toBe(3);
    // It waited as long as it was asked to, at least once.
    expect(performance.now() - first).toBeGreaterThan(800);
    expect(complaints).toEqual([]);
  });

  test("offline is said, and what is back is asked for at once", async () => {
    const { page, complaints } = await shop.visitor();
    await page.goto("/shop");
    await page.getByRole("heading", { name: "New on the shelves" }).waitFor();
    await page.context().setOffline(true);
    await page.getByText("You are offline.").first().waitFor();
    await page.getByRole("navigation", { name: "Categories" }).getByRole("link", { name: "Breakfast" }).click();
    await page.getByRole("heading", { name: "You are offline" }).waitFor();
    await page.context().setOffline(false);
    await page.getByRole("link", { name: "Honey, 340 g" }).waitFor();
    await expect.poll(() => page.locator("#connection").textContent(), patience).toBe("");
    expect(complaints).toEqual([]);
  });

  test("without /live the stock is read", async () => {
    const { page, complaints } = await shop.visitor();
    await page.routeWebSocket("**/live", (socket) => socket.close());
    await page.goto(`/shop/products/${id}`);
    await page.getByText("29 in stock").waitFor();
    await shop.call("POST", "/orders", { productId: id, quantity: 4 });
    await page.getByText("25 in stock").waitFor();
    expect(complaints).toEqual([]);
  });
});
