// Ordering in /shop, in a real browser: taken, refused, followed to the door, cancelled; each order once, whatever happens to the page.
import { randomUUID } from "node:crypto";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath, focused, home, openShop, patience, phone } from "./shop-world.ts";
import type { ShopWorld } from "./shop-world.ts";

describe.skipIf(chromiumPath === undefined)("ordering in /shop", () => {
  let shop: ShopWorld;
  beforeAll(async () => {
    shop = await openShop();
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { level: 1, name }).waitFor();
  const quantityOf = async (id: string) => (await shop.call("GET", `/products/${id}`)).quantity;
  const orderIdOf = (page: Page): string => page.url().split("/").at(-1) ?? "";
  /** Puts so many of it into the basket, and goes there. */
  const fillBasket = async (page: Page, id: string, units = 1): Promise<void> => {
    await page.goto(`/shop/products/${id}`);
    await page.getByRole("button", { name: "Add to basket" }).click();
    for (let more = 1; more < units; more += 1) await page.getByRole("button", { name: /one .* more/i }).click();
    await page.getByRole("link", { name: /^Basket, \d/ }).click();
    await heading(page, "Your basket");
  };
  const placeOrder = (page: Page) => page.getByRole("button", { name: "Place the order" }).click();
  const ordered = async (page: Page, id: string, units = 1): Promise<string> => {
    await fillBasket(page, id, units);
    await placeOrder(page);
    await heading(page, "We have your order");
    return orderIdOf(page);
  };

  test("an order is accepted, and somebody else sees the stock go down at once", async () => {
    const id = await shop.addProduct({ name: "Pears, 1 kg", category: "Fruit", initialStock: 7 });
    const [buyer, onlooker] = [await shop.visitor({ viewport: phone }), await shop.visitor()];
    await onlooker.page.goto(`/shop/products/${id}`);
    await onlooker.page.getByText("7 in stock").waitFor();
    const shelf = await shop.visitor();
    await shelf.page.goto("/shop/categories/Fruit");
    await shelf.page.locator(".card", { hasText: "Pears" }).getByText("7 in stock").waitFor();

    const orderId = await ordered(buyer.page, id, 3);
    expect(await shop.call("GET", `/orders/${orderId}`)).toMatchObject({
      ...{ productId: id, quantity: 3, status: "accepted", deliveryLocation: home },
      customerId: expect.stringMatching(/^shop-/) as string,
    });
    // Nobody loaded anything anew.
    await onlooker.page.getByText("Only 4 left", { exact: true }).waitFor();
    await shelf.page.locator(".card", { hasText: "Pears" }).getByText("Only 4 left").waitFor();
    await expect.poll(() => onlooker.page.locator("#announcer").textContent(), patience).toContain("Only 4 left");
    await buyer.page.getByRole("link", { name: "Basket, empty" }).waitFor();
    await buyer.page.getByRole("link", { name: "Your orders", exact: true }).click();
    await buyer.page.getByRole("link", { name: "3 × Pears, 1 kg" }).waitFor();
    expect([...buyer.complaints, ...onlooker.complaints, ...shelf.complaints]).toEqual([]);
  });

  test("a refusal says what is left, and its one button orders that", async () => {
    const id = await shop.addProduct({ name: "Brie, 250 g", category: "Cheese", initialStock: 5 });
    const { page, complaints } = await shop.visitor();
    await fillBasket(page, id, 4);
    await shop.call("POST", "/orders", { productId: id, quantity: 2 });
    await placeOrder(page);
    const refusal = page.locator(".refusal");
    await refusal.getByText("Only 3 left, and you asked for 4.").waitFor();
    expect(await refusal.getByRole("button").or(refusal.getByRole("link")).count()).toBe(1);
    expect(await focused(page)).toBe("Order 3 instead");
    await page.keyboard.press("Enter");
    await heading(page, "We have your order");
    expect(await shop.call("GET", `/orders/${orderIdOf(page)}`)).toMatchObject({ quantity: 3, status: "accepted" });
    expect(await quantityOf(id)).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("what is sold out or no longer sold spoils no other line, and leads to the shelf it was on", async () => {
    const gone = await shop.addProduct({ name: "Stilton, 150 g", category: "Cheese", initialStock: 1 });
    const archived = await shop.addProduct({ name: "Feta, 150 g", category: "Cheese" });
    const there = await shop.addProduct({ name: "Gouda, 150 g", category: "Cheese" });
    const { page, complaints } = await shop.visitor({ viewport: phone });
    for (const id of [gone, archived, there]) await fillBasket(page, id);
    await shop.call("POST", "/orders", { productId: gone, quantity: 1 });
    await shop.call("POST", `/products/${archived}/archive`);
    await placeOrder(page);
    await page.getByText("Stilton, 150 g has just sold out.").waitFor();
    await page.getByText("Feta, 150 g is no longer sold.").waitFor();
    await page.getByText("1 order accepted.").waitFor();
    expect(await quantityOf(there)).toBe(19);
    await page.getByRole("link", { name: "See more in Cheese" }).first().click();
    await heading(page, "Cheese");
    expect(complaints).toEqual([]);
  });

  test("an order is followed to the door, and its driver moves", async () => {
    const id = await shop.addProduct({ name: "Loaf, 800 g", category: "Bakery" });
    const { page, complaints } = await shop.visitor({ viewport: phone });
    const orderId = await ordered(page, id);
    const current = page.locator(".way [aria-current=step] .step-word");
    expect(await current.textContent()).toBe("Accepted, done");

    const driver = `driver-${randomUUID()}`;
    await shop.call("POST", "/drivers", { id: driver, name: "Maya" });
    await shop.call("PUT", `/drivers/${driver}/duty`, { onDuty: true });
    let sequence = 0;
    const move = (north: number) =>
      shop.call("PUT", `/drivers/${driver}/location`, {
        ...{ latitude: home.latitude + north, longitude: home.longitude, sequence: (sequence += 1) },
        observedAt: new Date().toISOString(),
      });
    await move(0.02);
    await shop.call("PUT", `/orders/${orderId}/driver`, { driverId: driver });
    await shop.call("POST", `/orders/${orderId}/pack`);
    await heading(page, "Packed and ready to go");
    expect(await page.getByRole("button", { name: "Cancel this order" }).isVisible()).toBe(false);
    await shop.call("POST", `/orders/${orderId}/out-for-delivery`);
    await heading(page, "On its way to you");
    await page.getByText("Maya is 2.2 km away from 4 Linden Street.").waitFor();
    await page.getByRole("img", { name: "Maya is 2.2 km to the north of the door" }).waitFor();
    await move(0.01);
    await page.getByText("Maya is 1.1 km away from 4 Linden Street.").waitFor();
    await move(0);
    await page.getByText("Maya is at the door.").waitFor();
    await shop.call("POST", `/orders/${orderId}/deliver`);
    await heading(page, "Delivered. Enjoy!");
    expect(await page.locator(".map").isVisible()).toBe(false);
    expect(await page.locator(".way-step[data-state=done]").count()).toBe(5);
    await expect.poll(() => page.locator("#announcer").textContent(), patience).toContain("Delivered. Enjoy!");
    expect(complaints).toEqual([]);
  });

  test("a cancel gives the units back; of a packed order it is refused, and says why", async () => {
    const id = await shop.addProduct({ name: "Rolls, two", category: "Bakery" });
    const { page, complaints } = await shop.visitor();
    await ordered(page, id, 2);
    expect(await quantityOf(id)).toBe(18);
    await page.getByRole("button", { name: "Cancel this order" }).click();
    await heading(page, "Cancelled");
    expect(await quantityOf(id)).toBe(20);

    await page.getByRole("button", { name: "Order it again" }).click();
    await heading(page, "We have your order");
    const orderId = orderIdOf(page);
    // Packed after the page has last looked.
    await page.route("**/cancel", async (route) => {
      await shop.call("POST", `/orders/${orderId}/pack`);
      await route.continue();
    });
    await page.getByRole("button", { name: "Cancel this order" }).click();
    await heading(page, "Packed and ready to go");
    expect(await shop.call("GET", `/orders/${orderId}`)).toMatchObject({ status: "accepted", fulfilment: "packed" });
    expect(complaints).toEqual([]);
  });

  test("an order whose answers get lost, and whose page is loaded anew, counts once", async () => {
    const id = await shop.addProduct({ name: "Oats, 500 g", category: "Breakfast" });
    const { page, complaints } = await shop.visitor();
    await fillBasket(page, id, 2);
    const ids = new Set<string>();
    let lost = 0;
    await page.route("**/orders", async (route) => {
      const { orderId } = route.request().postDataJSON() as { orderId: string };
      ids.add(orderId);
      await route.fetch(); // The server has it, and nobody hears of it.
      lost += 1;
      await route.abort("connectionreset");
    });
    await placeOrder(page);
    await expect.poll(() => lost, patience).toBeGreaterThan(1);
    await page.unroute("**/orders");
    await page.goto("/shop/orders");
    const line = page.getByRole("listitem").filter({ hasText: "2 × Oats, 500 g" });
    await line.getByText("Accepted").waitFor();
    expect(ids.size).toBe(1);
    expect(await line.count()).toBe(1);
    expect(await quantityOf(id)).toBe(18);
    expect(complaints).toEqual([]);
  });

  test("everything is done by keys alone", async () => {
    await shop.addProduct({ name: "Quinces, 500 g", category: "Fruit" });
    const { page, complaints } = await shop.visitor();
    await page.goto("/shop");
    await heading(page, "What’s good today?");
    const tabTo = async (name: RegExp): Promise<void> => {
      for (let presses = 0; presses < 80; presses += 1) {
        await page.keyboard.press("Tab");
        if (name.test(await focused(page))) return;
      }
      throw new Error(`no way by Tab to ${String(name)}`);
    };
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("Skip to the goods");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("main");
    await page.keyboard.press("/");
    await page.keyboard.type("quince");
    await page.locator("main[data-view=search] .card-link").waitFor();
    await tabTo(/^Add Quinces/);
    await page.keyboard.press("Enter");
    // The button that was pressed became others, and the focus did not get lost.
    expect(await focused(page)).toBe("One Quinces, 500 g more");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Basket, 2 items" }).waitFor();
    await page.keyboard.press("/");
    await tabTo(/^Basket, 2 items/);
    await page.keyboard.press("Enter");
    await heading(page, "Your basket");
    await tabTo(/^4 Linden Street/);
    await tabTo(/^Place the order/);
    await page.keyboard.press("Enter");
    await heading(page, "We have your order");
    expect(await focused(page)).toBe("We have your order");
    await tabTo(/^Cancel this order/);
    await page.keyboard.press("Enter");
    await heading(page, "Cancelled");
    expect(complaints).toEqual([]);
  });
});
