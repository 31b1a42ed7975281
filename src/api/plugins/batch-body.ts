/**
 * Bodies of any length: NDJSON comes to its route as a stream of bytes, unpacked where it is gzip. The route reads no faster
 * than it answers, and so does the socket.
 */
import type { IncomingMessage } from "node:http";
import { pipeline } from "node:stream";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import fastifyPlugin from "fastify-plugin";
import { Problem } from "../problems.ts";

export const ndjson = "application/x-ndjson";

export const batchBody = fastifyPlugin((app, _options, done) => {
  app.addContentTypeParser(ndjson, (request, payload, parsed) => {
    const encoding = request.headers["content-encoding"] ?? "identity";
    if (encoding === "identity") parsed(null, payload);
    else if (encoding === "gzip") parsed(null, unpacked(payload));
    else parsed(new Problem("unsupported_media_type", "Send NDJSON as it is, or with gzip."), undefined);
  });
  done();
});

function unpacked(payload: IncomingMessage): Readable {
  const gunzip = createGunzip();
  // Whoever reads it is told of the error.
  pipeline(payload, gunzip, () => undefined);
  return gunzip;
}
