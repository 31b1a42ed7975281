/**
 * A body that does not come ends its request after `limits.requestTimeoutMs`, as Node's own time limit would; but where a body may
 * be of any length (`config.streamsBody`), what counts is the time without a byte. What comes after an answer, such as the body of a request
 * that was refused unread, Node reads and throws away; it has the same time, and then the connection ends.
 *
 * Who owns what: the plugin owns one timer and the requests whose bodies are on their way.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
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

type Body = { readonly answer: ServerResponse; streams: boolean; bytes: number; since: number };

export type BodyDeadlineOptions = {
  /** Answers, and closes the connection. */
  readonly expired: (socket: Socket) => void;
};

export const bodyDeadline = fastifyPlugin<BodyDeadlineOptions>((app, { expired }, done) => {
  const bodies = new Map<IncomingMessage, Body>();
  const sweep = (): void => {
    const time = performance.now();
    for (const [request, body] of bodies) {
      const bytes = request.socket.bytesRead + request.socket.bytesWritten;
      if (body.streams && bytes !== body.bytes) Object.assign(body, { bytes, since: time });
      if (time - body.since < limits.requestTimeoutMs) continue;
      bodies.delete(request);
      if (request.complete) continue;
      // An answer that has begun is cut off, for there is no room in it for another one.
      if (body.answer.headersSent) request.socket.destroySoon();
      else expired(request.socket);
    }
  };
  const timer = setInterval(sweep, limits.requestTimeoutMs / 10);

  app.addHook("onRequest", ({ raw, routeOptions }, { raw: answer }, next) => {
    const streams = routeOptions.config.streamsBody === true;
    if (announcesBody(raw)) bodies.set(raw, { answer, streams, bytes: 0, since: performance.now() });
    next();
  });
  app.addHook("preHandler", (request, _reply, next) => {
    if (request.routeOptions.config.streamsBody !== true) bodies.delete(request.raw);
    next();
  });
  app.addHook("onResponse", ({ raw }, _reply, next) => {
    const body = bodies.get(raw);
    if (raw.complete) bodies.delete(raw);
    else if (body !== undefined) Object.assign(body, { streams: false, since: performance.now() });
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

/** RFC 9112, 6: without one of these, a request has none. */
function announcesBody({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}
