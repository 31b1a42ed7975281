import fastifySwagger from "@fastify/swagger";
import scalar from "@scalar/fastify-api-reference";
import fastifyPlugin from "fastify-plugin";

/** `/openapi.json`, from the routes' own schemas, and `/docs`, whose page and script are served from here alone. */
export const openapi = fastifyPlugin(async (app) => {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Tallyman",
        version: "1",
        description: "Orders in, each decided exactly once against the product's stock.",
      },
      tags: [{ name: "orders" }, { name: "products" }, { name: "stock" }, { name: "operations" }],
    },
  });
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
  await app.register(scalar, {
    routePrefix: "/docs",
    logLevel: "warn",
    configuration: { url: "/openapi.json", withDefaultFonts: false, telemetry: false, hideClientButton: true },
  });
});
