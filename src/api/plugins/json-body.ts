import { isUtf8 } from "node:buffer";
import fastifyPlugin from "fastify-plugin";
import { Problem } from "../problems.ts";

/**
 * JSON bodies, as Fastify reads them (a `__proto__` in them is refused), with two exceptions. Nothing at all is null, for
 * many clients name a content type even where they send no body. And bytes that are not UTF-8 are refused: read
 * leniently, they would be stored as other text than was sent.
 */
export const jsonBody = fastifyPlugin((app, _options, done) => {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeContentTypeParser(["application/json", "text/plain"]);
  app.addContentTypeParser<Buffer>("application/json", { parseAs: "buffer" }, (request, body, parsed) => {
    const encoding = request.headers["content-encoding"] ?? "identity";
    const charset = /charset="?([^";]+)/i.exec(request.headers["content-type"] ?? "")?.[1] ?? "utf-8";
    if (encoding !== "identity" || !/^utf-?8$/i.test(charset.trim())) {
      parsed(new Problem("unsupported_media_type", "Send JSON in UTF-8, without a content encoding."), undefined);
    } else if (!isUtf8(body)) {
      parsed(new Problem("malformed_json", "The body is not UTF-8."), undefined);
    } else if (body.length === 0) parsed(null, null);
    else void parse(request, body.toString("utf8"), parsed);
  });
  done();
});
