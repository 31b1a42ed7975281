/**
 * A body that does not come ends its request after `limits.requestTimeoutMs`, as Node's own time limit would; but where a body may
 * be of any length (`config.streamsBody`), what counts is the time without a byte.
 *
 * Who owns what: the plugin owns one timer and the requests whose bodies are on their way. All of them have left when it closes.
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import fastifyPlugin from "fastify-plugin";
import { limits } from "../../limits.ts";

declare module "fastify" {
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- Fastify's own, to be added to.
  interface FastifyContextConfig {
    /** The route reads its body itself, for as long as it takes. */
    streamsBody?: boolean;
  }
}

type Body = { readonly streams: boolean; bytes: number; since: number };

export type BodyDeadlineOptions = { readonly expired: (socket: Socket) => void };

export const bodyDeadline = fastifyPlugin<BodyDeadlineOptions>((app, { expired }, done) => {
  const bodies = new Map<IncomingMessage, Body>();
  const sweep = (): void => {
    const time = performance.now();
    for (const [request, body] of bodies) {
      const bytes = request.socket.bytesRead + request.socket.bytesWritten;
      if (body.streams && bytes !== body.bytes) Object.assign(body, { bytes, since: time });
      if (time - body.since < limits.requestTimeoutMs) continue;
      bodies.delete(request);
      if (!request.complete) expired(request.socket);
    }
  };
  const timer = setInterval(sweep, limits.requestTimeoutMs / 10);

  app.addHook("onRequest", (request, _reply, next) => {
    const { raw, routeOptions } = request;
    const streams = routeOptions.config.streamsBody === true;
    if (!raw.complete) bodies.set(raw, { streams, bytes: 0, since: performance.now() });
    next();
  });
  app.addHook("preHandler", (request, _reply, next) => {
    if (request.routeOptions.config.streamsBody !== true) bodies.delete(request.raw);
    next();
  });
  app.addHook("onResponse", (request, _reply, next) => {
    bodies.delete(request.raw);
    next();
  });
  app.addHook("onRequestAbort", (request, next) => {
    bodies.delete(request.raw);
    next();
  });
  app.addHook("onClose", (_app, next) => {
    clearInterval(timer);
    next();
  });
  done();
});
