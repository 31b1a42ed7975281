import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { fastify, LogController } from "fastify";
import type { FastifyBaseLogger } from "fastify";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { limits } from "../limits.ts";
import type { ApiServer } from "./api-server.ts";
import { problemBody, problems } from "./problems.ts";
import type { ProblemCode } from "./problems.ts";
import { bodyDeadline } from "./plugins/body-deadline.ts";
import { problemOf, sendProblem } from "./plugins/error-answers.ts";

/** Node's own, for a head that does not come. */
const lateCode = "ERR_HTTP_REQUEST_TIMEOUT";
const callersRequestId = /^[\w.:/+=-]{1,100}$/;

/** Answers some requests before anything else has looked at them; false: it did not. */
export type Door = (request: IncomingMessage, response: ServerResponse, requestId: () => string) => boolean;

/** A bare server with what every role's server has in common. A successful request logs nothing: that costs a fifth. */
export function createHttpServer(logger: FastifyBaseLogger, door: Door = () => false): ApiServer {
  const requestIds = createRequestIds();
  /** Once the server closes, every answer must say so. */
  let isOpen = true;
  const open = (handle: (request: IncomingMessage, response: ServerResponse) => void): Server => {
    // Clients that would rather have HTTP/2 say so with every request, and are answered in HTTP/1.1 as before there were WebSockets.
    const shouldUpgradeCallback = ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket";
    const server = createServer({ shouldUpgradeCallback }, (request, response) => {
      if (!isOpen || !door(request, response, () => requestIds(request))) handle(request, response);
    });
    server.requestTimeout = 0; // The head's limit is Node's, below; the body's is plugins/body-deadline.ts's.
    server.headersTimeout = limits.requestTimeoutMs;
    server.keepAliveTimeout = limits.keepAliveTimeoutMs;
    return server;
  };
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    // One logger for all: a child for each request costs as much as encoding its order. Log lines name the request themselves.
    childLoggerFactory: () => logger,
    bodyLimit: limits.commandBodyBytesMax,
    serverFactory: open,
    routerOptions: { ignoreTrailingSlash: false, caseSensitive: true, maxParamLength: 200 },
    genReqId: requestIds,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      const problem = problemOf(error);
      reply.header("x-request-id", request.id);
      void sendProblem(reply, problem.code, problem.message);
    },
    // Fastify's own 503 is no problem document and has no Retry-After. What still arrives over a connection that is kept alive is
    // answered like any other, and the connection closed with it.
    return503OnClosing: false,
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.addHook("preClose", (done) => {
    isOpen = false;
    done();
  });
  void app.register(bodyDeadline, {
    expired: (socket) => answerClientError(Object.assign(new Error("late"), { code: lateCode }), socket),
  });
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    done();
  });
  closeConnectionsThatBecomeIdle(app);
  return app;
}

/**
 * Node closes the connections that are idle when the closing begins. One whose request is under way then becomes idle with
 * its answer, and a caller that keeps it would hold up the stop for as long as `keepAliveTimeoutMs`. An answer that leaves
 * from then on says so.
 */
function closeConnectionsThatBecomeIdle(app: ApiServer): void {
  let timer: NodeJS.Timeout | undefined;
  app.addHook("preClose", (done) => {
    timer = setInterval(() => app.server.closeIdleConnections(), limits.closeIdleIntervalMs);
    done();
  });
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (timer !== undefined) reply.header("connection", "close");
    done(null, payload);
  });
  app.addHook("onClose", (_app, done) => {
    clearInterval(timer);
    done();
  });
}

/** The caller's own id, when it is short and plain; else one that is unique over all instances. */
function createRequestIds(): (request: Pick<IncomingMessage, "headers">) => string {
  const prefix = `${randomBytes(6).toString("base64url")}-`;
  let count = 0;
  return ({ headers }) => {
    const given = headers["x-request-id"];
    if (typeof given === "string" && callersRequestId.test(given)) return given;
    return prefix + (++count).toString(36);
  };
}

/** What never became a request: Node's parser refused it, so that there is no reply object, only the socket. */
function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const code: ProblemCode =
    error.code === "HPE_HEADER_OVERFLOW"
      ? "headers_too_large"
      : error.code === lateCode
        ? "request_timeout"
        : "malformed_http";
  const body = JSON.stringify(problemBody(code, "The connection is closed.", "none"));
  const head = `HTTP/1.1 ${problems[code].status} ${problems[code].title}\r\ncontent-type: application/problem+json\r\n`;
  const lengths = `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
  if (socket.writable) socket.write(head + lengths + body);
  socket.destroySoon();
}
