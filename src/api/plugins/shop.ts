/**
 * `/shop`: a storefront that uses the public API alone. Its files are in `shop/`, and a browser gets them as they are: ES modules, without a
 * build step, and nothing from another host (docs/decisions/077-shop.md).
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import type { FastifyPluginCallback } from "fastify";

const files = fileURLToPath(new URL("../../../shop/", import.meta.url));
const fontFiles = ["figtree/files/figtree-latin-wght-normal.woff2", "fraunces/files/fraunces-latin-wght-normal.woff2"];
const fonts = fontFiles.map((file) => path.dirname(fileURLToPath(import.meta.resolve(`@fontsource-variable/${file}`))));

/** Each is the same document, whose script shows what the path names: so that every page may be linked to, and loaded again. */
const pages = ["", "/", "/categories/*", "/search", "/products/*", "/basket", "/orders", "/orders/*"];

/**
 * Whatever a product is called, no script runs but those of `shop/`: texts never become markup (`require-trusted-types-for`, `trusted-types
 * 'none'`). Positions of drivers and what somebody orders are nobody else's business: no frame, no referrer.
 */
const headers = {
  "content-security-policy": [
    "default-src 'none'",
    ...["script-src", "style-src", "font-src", "img-src", "connect-src"].map((kind) => `${kind} 'self'`),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "geolocation=(self), camera=(), microphone=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Asked for again with every visit, and answered with 304: a new version of the shop is there at once, and whole. */
const askedAgain = "no-cache";
/** Pictures and fonts change with their names. */
const keptADay = "public, max-age=86400";

export const shop: FastifyPluginCallback = (app, _options, done) => {
  app.addHook("onRequest", (_request, reply, next) => {
    reply.headers(headers);
    next();
  });
  void app.register(fastifyStatic, {
    root: files,
    prefix: "/shop/",
    index: false,
    cacheControl: false,
    dotfiles: "ignore",
    setHeaders: (response, file) => {
      response.header("cache-control", file.endsWith(".svg") ? keptADay : askedAgain);
    },
  });
  void app.register(fastifyStatic, {
    root: fonts,
    prefix: "/shop/fonts/",
    decorateReply: false,
    index: false,
    cacheControl: false,
    setHeaders: (response) => {
      response.header("cache-control", keptADay);
    },
  });
  for (const page of pages) {
    app.get(`/shop${page}`, { schema: { hide: true } }, (_request, reply) => reply.sendFile("index.html"));
  }
  done();
};
