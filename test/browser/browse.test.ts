// Looking around in /shop, in a real browser: shelves, search, back and forward, and names that want to be markup.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath, focused, openShop, patience, phone } from "./shop-world.ts";
import type { ShopWorld } from "./shop-world.ts";

describe.skipIf(chromiumPath === undefined)("browsing /shop", () => {
  let shop: ShopWorld;
  const nasty = `<img src=x onerror="document.title='owned'"> & <b>bold</b>`;
  let nastyId = "";
  beforeAll(async () => {
    shop = await openShop();
    const lines = Array.from({ length: 30 }, (_, index) => ({
      id: `apple-${String(index).padStart(2, "0")}`,
      name: `Braeburn apples, bag ${String(index).padStart(2, "0")}`,
      category: "Fruit",
      priceCents: 500 - index,
      currency: "EUR",
      initialStock: index === 3 ? 0 : 10,
      imageUrl: "http://elsewhere.example/shop/pictures/apple-red.svg",
    }));
    const answer = await fetch(`${shop.url}/catalogue`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: lines.map((line) => JSON.stringify(line)).join("\n"),
    });
    expect((await answer.text()).match(/"created"/g)).toHaveLength(30);
    await shop.addProduct({ id: "brocc", name: "Broccoli, 500 g", category: "Vegetables" });
    nastyId = await shop.addProduct({ name: nasty, category: nasty, imageUrl: "https://elsewhere.example/x.png" });
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  test("a category is found from the entrance, sorted, and gone through with the button for more", async () => {
    const { page, complaints } = await shop.visitor({ viewport: phone });
    await page.goto("/shop");
    await page.getByRole("main").getByRole("link", { name: "Fruit" }).click();
    await page.getByRole("heading", { level: 1, name: "Fruit" }).waitFor();
    expect(await focused(page)).toBe("Fruit");
    const cards = page.locator("main .card");
    await expect.poll(() => cards.count(), patience).toBe(24);
    // Its own picture, from this server, whatever host its address has.
    expect(await cards.first().locator("img").getAttribute("src")).toBe("/shop/pictures/apple-red.svg");
    await page.getByRole("button", { name: "Show more" }).click();
    await expect.poll(() => cards.count(), patience).toBe(30);
    expect(await focused(page)).toBe("Braeburn apples, bag 24");
    expect(await page.getByRole("button", { name: "Show more" }).isVisible()).toBe(false);

    await page.getByLabel("Sort by").selectOption("price");
    await expect.poll(() => cards.first().textContent(), patience).toContain("bag 29");
    expect(await page.evaluate("document.activeElement.id")).toBe("sort");
    await page.getByLabel("In stock only").check();
    await expect.poll(() => page.url(), patience).toContain("stock=in");
    await page.getByRole("button", { name: "Show more" }).click();
    await expect.poll(() => cards.count(), patience).toBe(29);
    expect(complaints).toEqual([]);
  });

  test("who goes back finds what was loaded, at the same place; forward works too", async () => {
    const { page, complaints } = await shop.visitor({ viewport: phone });
    await page.goto("/shop/categories/Fruit");
    await page.getByRole("button", { name: "Show more" }).click();
    const cards = page.locator("main .card");
    await expect.poll(() => cards.count(), patience).toBe(30);
    await page.getByRole("link", { name: "Braeburn apples, bag 27" }).click();
    await page.getByRole("heading", { level: 1, name: "Braeburn apples, bag 27" }).waitFor();
    expect(Number(await page.evaluate("scrollY"))).toBe(0);
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: "Fruit" }).waitFor();
    expect(await cards.count()).toBe(30);
    expect(Number(await page.evaluate("scrollY"))).toBeGreaterThan(1_000);
    await page.goForward();
    await page.getByRole("heading", { level: 1, name: "Braeburn apples, bag 27" }).waitFor();
    expect(await page.title()).toBe("Braeburn apples, bag 27 · Tallyman’s");
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Braeburn apples, bag 27" }).waitFor();
    expect(complaints).toEqual([]);
  });

  test("a search finds what was nearly typed, while it is typed, by keys alone", async () => {
    const { page, complaints } = await shop.visitor();
    await page.goto("/shop");
    await page.keyboard.press("/");
    await page.keyboard.type("brocoli", { delay: 20 });
    await expect.poll(() => new URL(page.url()).searchParams.get("q"), patience).toBe("brocoli");
    await page.locator("main[data-view=search]").getByRole("link", { name: "Broccoli, 500 g" }).waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("search-box");
    await expect.poll(() => page.locator("#announcer").textContent(), patience).toBe("1 product.");
    await page.keyboard.press("ArrowDown");
    expect(await focused(page)).toBe("Broccoli, 500 g");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Broccoli, 500 g" }).waitFor();
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: "“brocoli”" }).waitFor();
    await page.locator("#search-box").focus();
    await page.keyboard.press("Escape");
    await page.getByRole("heading", { level: 1, name: "What are you looking for?" }).waitFor();
    await page.keyboard.type("qqqqqqq");
    await page.getByText("Nothing here is called “qqqqqqq”").waitFor();
    expect(complaints).toEqual([]);
  });

  test("the newest words win, however late the answers to older ones come", async () => {
    const { page, complaints } = await shop.visitor();
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    await page.route("**/products?*q=braeburn*", async (route) => {
      await held;
      await route.continue().catch(() => undefined); // Given up meanwhile.
    });
    await page.goto("/shop/search");
    const asked = page.waitForRequest("**/products?*q=braeburn*");
    await page.fill("#search-box", "braeburn");
    await asked;
    await page.fill("#search-box", "broccoli");
    await page.getByRole("link", { name: "Broccoli, 500 g" }).waitFor();
    letGo();
    await page.waitForLoadState("networkidle");
    expect(await page.locator("main .card").count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("a name that wants to be markup is a text, on every page", async () => {
    const { page, complaints } = await shop.visitor();
    await page.goto("/shop");
    await page.locator("main .tile-link", { hasText: "<img" }).click();
    await page.getByRole("heading", { level: 1, name: nasty }).waitFor();
    await page.locator("main .card-link").click();
    await page.getByRole("heading", { level: 1, name: nasty }).waitFor();
    expect(page.url()).toContain(nastyId);
    await page.getByRole("button", { name: "Add to basket" }).click();
    await page.goto("/shop/basket");
    await page.locator(".line-name", { hasText: "<img" }).waitFor();
    await page.goto(`/shop/search?q=${encodeURIComponent("bold")}`);
    await page.locator(".card-link", { hasText: "<img" }).waitFor();
    expect(await page.locator("main img[onerror]").count()).toBe(0);
    // No picture of another host is even asked for.
    expect(await page.locator("main .picture-letter").count()).toBeGreaterThan(0);
    expect(await page.title()).not.toBe("owned");
    expect(complaints).toEqual([]);
  });

  test("what is not there is said, with a way back", async () => {
    const { page, complaints } = await shop.visitor();
    for (const path of [
      "/shop/products/nothing",
      "/shop/orders/018f7c1e-0000-7000-8000-00000000dead",
      "/shop/orders/x",
    ]) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1, name: /isn’t here/ }).waitFor();
    }
    await page.getByRole("link", { name: "Back to the shop" }).click();
    await page.getByRole("heading", { level: 1, name: "What’s good today?" }).waitFor();
    expect(complaints).toEqual([]);
  });
});
