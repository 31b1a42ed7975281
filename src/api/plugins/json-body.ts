import fastifyPlugin from "fastify-plugin";

/**
 * JSON bodies, as Fastify reads them (a `__proto__` in them is refused), with one exception: nothing at all is null, for
 * many clients name a content type even where they send no body.
 */
export const jsonBody = fastifyPlugin((app, _options, done) => {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeContentTypeParser(["application/json", "text/plain"]);
  app.addContentTypeParser<string>("application/json", { parseAs: "string" }, (request, body, parsed) => {
    if (body === "") parsed(null, null);
    else void parse(request, body, parsed);
  });
  done();
});
