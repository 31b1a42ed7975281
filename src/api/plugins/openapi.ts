import fastifySwagger from "@fastify/swagger";
import scalar from "@scalar/fastify-api-reference";
import fastifyPlugin from "fastify-plugin";
import { problemsOfNoRoute } from "../schemas/problem.ts";
import { openapiDocument } from "./openapi-document.ts";

const ofNoRoute = problemsOfNoRoute.map((code) => `\`${code}\``).join(", ");

/** `/openapi.json`, from the routes' own schemas, and `/docs`, whose page and script are served from here alone. */
export const openapi = fastifyPlugin(async (app) => {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Tallyman",
        version: "1",
        description:
          "Orders in, each decided exactly once against the product's stock. Everything that is not a success is a problem " +
          `(RFC 9457) with a stable \`code\`. Beside those of its route, a request may meet ${ofNoRoute}.`,
        license: { name: "MIT", identifier: "MIT" },
      },
      servers: [{ url: "/", description: "The api that serves this document" }],
      // There is no authentication yet: put it behind something that has.
      security: [],
      tags: [
        { name: "orders", description: "Placing, reading and cancelling" },
        { name: "products", description: "The catalogue, with what is in stock" },
        { name: "stock", description: "Deliveries and stocktakes" },
        { name: "operations", description: "For whoever runs it" },
      ],
    },
    transformObject: (document) =>
      "openapiObject" in document ? openapiDocument(document.openapiObject) : document.swaggerObject,
  });
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
  await app.register(scalar, {
    routePrefix: "/docs",
    logLevel: "warn",
    configuration: { url: "/openapi.json", withDefaultFonts: false, telemetry: false, hideClientButton: true },
  });
});
