// /shop: what is served, and how. What it does is tested in a browser (test/browser).
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../local/paths.ts";
import { ApiWorld } from "./api-world.ts";

const folder = path.join(root, "shop");
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => /\.\w+$/.test(file));
const read = (file: string): string => readFileSync(path.join(folder, file), "utf8");

let world: ApiWorld;
beforeAll(async () => {
  world = await new ApiWorld().open();
});
afterAll(() => world.app.close());
const get = (url: string, headers: Record<string, string> = {}) => world.app.inject({ method: "GET", url, headers });

describe("/shop", () => {
  test.each([
    ...["/shop", "/shop/", "/shop/basket", "/shop/orders", "/shop/search?q=a", "/shop/products/chair-1"],
    ...[
      "/shop/orders/018f7c1e-0000-7000-8000-000000000001",
      `/shop/categories/${encodeURIComponent("a/b ".repeat(60))}`,
    ],
  ])("%s is the page, whatever it shows", async (url) => {
    const answer = await get(url);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["content-type"]).toContain("text/html");
    expect(answer.body).toBe(read("index.html"));
  });

  test("its headers let nothing in but its own", async () => {
    const { headers } = await get("/shop");
    const policy = String(headers["content-security-policy"]);
    expect(policy).toMatch(/^default-src 'none'; /);
    expect(policy).toContain("require-trusted-types-for 'script'; trusted-types 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
    });
    expect((await get("/shop/main.js")).headers["content-security-policy"]).toBe(policy);
    expect((await get("/orders/x")).headers["content-security-policy"]).toBeUndefined();
  });

  test.each([
    ["/shop/main.js", "application/javascript", "no-cache"],
    ["/shop/styles/base.css", "text/css", "no-cache"],
    ["/shop/pictures/apple-red.svg", "image/svg+xml", "public, max-age=86400"],
    ["/shop/fonts/figtree-latin-wght-normal.woff2", "font/woff2", "public, max-age=86400"],
    ["/shop/fonts/fraunces-latin-wght-normal.woff2", "font/woff2", "public, max-age=86400"],
  ])("%s is there, and costs a 304 the second time", async (url, type, cacheControl) => {
    const first = await get(url);
    expect(first.statusCode).toBe(200);
    expect(first.headers["content-type"]).toContain(type);
    expect(first.headers["cache-control"]).toBe(cacheControl);
    const again = await get(url, { "if-none-match": String(first.headers.etag) });
    expect([again.statusCode, again.body]).toEqual([304, ""]);
  });

  test.each([
    "/shop/nothing.js",
    "/shop/../package.json",
    "/shop/..%2fpackage.json",
    "/shop/fonts/../../package.json",
    "/shop/views",
  ])("%s is not there, as a problem", async (url) => {
    const answer = await get(url);
    expect([403, 404]).toContain(answer.statusCode);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
  });

  test("it is read, and not part of the API", async () => {
    expect((await world.app.inject({ method: "HEAD", url: "/shop" })).statusCode).toBe(200);
    expect((await world.app.inject({ method: "POST", url: "/shop/basket" })).statusCode).toBe(405);
    expect(Object.keys(world.app.swagger().paths ?? {}).filter((each) => each.startsWith("/shop"))).toEqual([]);
  });
});

describe("its files", () => {
  const addresses = (text: string): string[] =>
    [...text.matchAll(/(?:src|href|url\()=?["'`]?(\/[^"'`)\s]*)/g)].map(([, address = ""]) => address);

  test("name nothing that is not there", async () => {
    const named = files
      .filter((file) => /\.(?:html|css)$/.test(file))
      .flatMap((file) => addresses(read(file)).map((address) => `${file}: ${address}`));
    expect(named.length).toBeGreaterThan(8);
    const missing = [];
    for (const each of named) {
      const { statusCode } = await get(each.split(": ")[1] ?? "");
      // /docs/ answers too.
      if (statusCode !== 200) missing.push(each);
    }
    expect(missing).toEqual([]);
    const imports = files
      .filter((file) => file.endsWith(".js"))
      .flatMap((file) =>
        [...read(file).matchAll(/from "([^"]+)"/g)].map(([, to = ""]) => path.join(path.dirname(file), to)),
      );
    expect(imports.filter((file) => !existsSync(path.join(folder, file)))).toEqual([]);
    const used = new Set([...imports, "main.js"]);
    expect(files.filter((file) => file.endsWith(".js") && !used.has(file))).toEqual([]);
  });

  test("name no other host", () => {
    const hosts = files.flatMap((file) =>
      [...read(file).matchAll(/(?:https?:)?\/\/[\w.-]+\.\w+/g)].map(([host]) => `${file}: ${host}`),
    );
    expect(hosts.filter((each) => !each.endsWith("://www.w3.org"))).toEqual([]);
  });

  test("make no markup of texts, and need no styles in attributes", () => {
    const markup = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|setAttribute\("style/;
    expect(files.filter((file) => file.endsWith(".js") && markup.test(read(file)))).toEqual([]);
    expect(read("index.html")).not.toMatch(/ style=| on\w+=|<script(?! type="module" src)/);
  });

  test("every picture of the demo's grocery is there, and every one that is there is used", () => {
    const grocery = readFileSync(path.join(root, "local/demo/grocery.json"), "utf8");
    const parsed = JSON.parse(grocery) as { name: string; kinds: [string][] }[];
    const kinds = parsed.flatMap((category) => category.kinds.map(([name]) => name));
    const drawn = files
      .filter((file) => /^pictures\/(?!aisle-|tally)/.test(file))
      .map((file) => path.basename(file, ".svg"));
    expect([...new Set(kinds)].toSorted()).toEqual(drawn.toSorted());
    const names = parsed.map(({ name }) => /^[a-z]+/.exec(name.toLowerCase())?.[0]);
    const aisles = files.flatMap((file) => /aisle-(\w+)\.svg$/.exec(file)?.[1] ?? []);
    expect(names.toSorted()).toEqual(aisles.toSorted());
    expect(/new Set\(\s*"([^"]+)"/.exec(read("picture.js"))?.[1]?.split(" ")).toEqual(aisles.toSorted());
  });
});
