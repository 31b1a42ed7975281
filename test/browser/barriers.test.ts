// /shop for those who can't see it well, or have a small window: every view, in light and dark, on a phone and on a desk.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { barriers, chromiumPath, home, openShop, overflow, patience, phone } from "./shop-world.ts";
import type { ShopWorld } from "./shop-world.ts";

const desk = { width: 1280, height: 800 };

describe.skipIf(chromiumPath === undefined)("barriers in /shop", () => {
  let shop: ShopWorld;
  let orders: { id: string; heading: string }[] = [];
  let long = "";
  const kept: Record<string, unknown>[] = [];

  beforeAll(async () => {
    shop = await openShop();
    const apples = {
      name: "Braeburn apples, 1 kg",
      category: "Fruit",
      imageUrl: `${shop.url}/shop/pictures/apple-red.svg`,
    };
    const id = await shop.addProduct(apples);
    await shop.addProduct({ name: "Nectarines, bag of 4", category: "Fruit", initialStock: 3 });
    await shop.addProduct({ name: "Limes, 250 g", category: "Fruit", initialStock: 0 });
    const endless = "Donaudampfschifffahrtsgesellschaftskapitänsbrot".repeat(3);
    long = await shop.addProduct({
      name: endless,
      category: "Bakery and everything else that comes out of an oven",
      priceCents: 99_999_999,
    });
    const driver = `driver-${randomUUID()}`;
    await shop.call("POST", "/drivers", { id: driver, name: "Maya" });
    await shop.call("PUT", `/drivers/${driver}/duty`, { onDuty: true });
    const position = { latitude: home.latitude + 0.004, longitude: home.longitude + 0.006, sequence: 1 };
    await shop.call("PUT", `/drivers/${driver}/location`, { ...position, observedAt: new Date().toISOString() });
    const place = async (): Promise<string> => {
      const order = await shop.call("POST", "/orders", { productId: id, quantity: 2, deliveryLocation: home });
      return String(order.orderId);
    };
    const [accepted, underWay, cancelled] = [await place(), await place(), await place()];
    await shop.call("PUT", `/orders/${underWay}/driver`, { driverId: driver });
    await shop.call("POST", `/orders/${underWay}/pack`);
    await shop.call("POST", `/orders/${underWay}/out-for-delivery`);
    await shop.call("POST", `/orders/${cancelled}/cancel`);
    orders = [
      { id: accepted, heading: "We have your order" },
      { id: underWay, heading: "On its way to you" },
      { id: cancelled, heading: "Cancelled" },
    ];
    const common = { ...apples, productId: id, priceCents: 199, currency: "EUR", quantity: 2, deliveryLocation: home };
    for (const [index, { id: orderId }] of orders.entries()) {
      const state = index === 2 ? "cancelled" : "accepted";
      kept.push({ ...common, id: orderId, basketId: "one", placedAt: Date.now() - index, state, fulfilment: null });
    }
    const refused = { ...common, id: randomUUID(), basketId: "two", placedAt: 1, state: "rejected", fulfilment: null };
    kept.push({ ...refused, code: "insufficient_stock", available: 1 });
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  const schemes = [
    ["light", phone],
    ["dark", phone],
    ["light", desk],
    ["dark", desk],
  ] as const;

  test.each(schemes)(
    "none that is serious on any view, and nothing wider than the window: %s, %j",
    async (colorScheme, viewport) => {
      const { page, complaints } = await shop.visitor({ colorScheme, viewport });
      const views: [path: string, ready: string][] = [
        ["/shop", "New on the shelves"],
        ["/shop/categories/Fruit", "Nectarines, bag of 4"],
        ["/shop/search?q=braeburn", "Braeburn apples, 1 kg"],
        ["/shop/search?q=qqqq", "Nothing here is called “qqqq”"],
        [`/shop/products/${long}`, "Add to basket"],
        ["/shop/basket", "There is nothing in it yet"],
        ["/shop/orders", "You have not ordered anything"],
        ["/shop/nowhere", "isn’t here"],
        ...orders.map(({ id, heading }): [string, string] => [`/shop/orders/${id}`, heading]),
      ];
      const found: Record<string, string[]> = {};
      const look = async (name: string): Promise<void> => {
        const wrong = await barriers(page);
        const wider = await overflow(page);
        if (wrong.length > 0 || wider > 0) found[name] = [...wrong, ...(wider > 0 ? [`${wider} px too wide`] : [])];
      };
      for (const [path, ready] of views) {
        const answer = await page.goto(path);
        // A path that names no page is not the shop's.
        if (answer?.status() === 404) continue;
        await page.getByText(ready).first().waitFor();
        if (path.endsWith(orders[1]?.id ?? "")) await page.getByText(/Maya is \d+ m away/).waitFor();
        await look(path);
      }
      // With things in the basket, and a refusal.
      await page.goto("/shop/categories/Fruit");
      for (const name of [/^Add Braeburn/, /^Add Nectarines/]) await page.getByRole("button", { name }).click();
      await page.goto(`/shop/products/${long}`);
      await page.getByRole("button", { name: /^Add/ }).click();
      await page.goto("/shop/basket");
      await page.getByText("Together").waitFor();
      await look("a full basket");
      await page.evaluate(`localStorage.setItem("tallyman.orders", ${JSON.stringify(JSON.stringify(kept))})`);
      await page.goto("/shop/orders");
      await page.getByText("Not accepted").waitFor();
      await look("a list of orders");
      await page.getByRole("listitem").filter({ hasText: "Not accepted" }).getByRole("link").click();
      await page.getByText("Only 1 left").waitFor();
      await look("a refused order");
      await page.goto("/shop");
      await page.getByRole("heading", { name: "On its way to you" }).waitFor();
      await look("the entrance, with orders under way");
      await shop.visitor();
      await page.route("**/categories", (route) => route.fulfill({ status: 503, json: { code: "overloaded" } }));
      await page.reload();
      await page.getByText("There is a queue at the till").waitFor();
      await look("a server that is away");
      expect(found).toEqual({});
      expect(complaints).toEqual([]);
    },
  );

  test("axe does find what is wrong", async () => {
    const { page } = await shop.visitor();
    await page.goto("/shop/basket");
    await page.getByText("There is nothing in it yet").waitFor();
    await page.evaluate(
      "document.querySelector('main p').style.color = '#ddd'; document.querySelector('.brand span').remove()",
    );
    await expect
      .poll(async () => (await barriers(page)).map((each) => each.split(":")[0]).toSorted(), patience)
      .toEqual(["color-contrast", "link-name"]);
  });

  test("who wants less motion gets none", async () => {
    const { page } = await shop.visitor({ reducedMotion: "reduce" });
    await page.goto(`/shop/orders/${orders[1]?.id ?? ""}`);
    await page.getByText(/Maya is \d+ m away/).waitFor();
    const moving = "[...document.querySelectorAll('*')].flatMap((each) => each.getAnimations()).length";
    expect(await page.evaluate(moving)).toBe(0);
    const still = await shop.visitor();
    await still.page.goto(`/shop/orders/${orders[1]?.id ?? ""}`);
    await still.page.getByText(/Maya is \d+ m away/).waitFor();
    expect(Number(await still.page.evaluate(moving))).toBeGreaterThan(0);
  });
});
