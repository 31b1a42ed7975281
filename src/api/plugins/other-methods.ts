import { METHODS } from "node:http";
import fastifyPlugin from "fastify-plugin";
import { Problem } from "../problems.ts";

/** All that Node's parser lets in, but for CONNECT, which never becomes a request. */
const allMethods = METHODS.filter((method) => method !== "CONNECT");

/**
 * Answers 405 with `Allow` where a path is known and the method is not. Register it before the routes; the answers are
 * added when the server is ready, by then every route is known.
 */
export const otherMethods = fastifyPlugin((app, _options, done) => {
  const methodsOf = new Map<string, Set<string>>();
  let finished = false;

  for (const method of allMethods) {
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method);
  }
  app.addHook("onRoute", ({ url, method }) => {
    if (finished) return;
    const methods = methodsOf.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each.toUpperCase());
    methodsOf.set(url, methods);
  });
  app.decorate("finishRoutes", () => {
    finished = true;
    for (const [url, methods] of methodsOf) {
      const method = allMethods.filter((each) => !methods.has(each));
      const allow = [...methods].sort().join(", ");
      const refuse = () => {
        throw new Problem("method_not_allowed", `Use one of: ${allow}.`, { headers: { allow } });
      };
      // Refused before the body is read, so that its type and size don't matter.
      app.route({ method, url, schema: { hide: true }, onRequest: refuse, handler: refuse });
    }
  });
  done();
});

declare module "fastify" {
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- only an interface can be merged.
  interface FastifyInstance {
    /** Adds the 405 answers; call it after the last route. */
    finishRoutes(): void;
  }
}
