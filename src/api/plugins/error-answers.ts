import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { LogUnavailable } from "../../log/log.ts";
import { CacheUnavailable } from "../../stores/effects-cache.ts";
import { StoreUnavailable } from "../../stores/ledger-store.ts";
import { Problem, problemBody, problems, retrySoon } from "../problems.ts";
import type { ProblemCode, ProblemMembers } from "../problems.ts";

/** What Fastify's own errors are to callers; those that are not named go by their status. */
const fastifyCodes: Readonly<Partial<Record<string, ProblemCode>>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: "malformed_json",
  FST_ERR_CTP_EMPTY_JSON_BODY: "malformed_json",
  FST_ERR_CTP_BODY_TOO_LARGE: "body_too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "malformed_http",
  FST_ERR_BAD_URL: "malformed_http",
  FST_ERR_MAX_PARAM_LENGTH_EXCEEDED: "route_not_found",
};

/** Every error ends here and leaves as a problem (RFC 9457); what broke inside is logged, never told. */
export const errorAnswers = fastifyPlugin((app, _options, done) => {
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    logProblem(request, problem, error);
    reply.headers(problem.headers);
    return sendProblem(reply, problem.code, problem.message, problem.members);
  });
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, "route_not_found", "There is nothing at this path."));
  done();
});

/** Answers with a problem that is not worth an exception, such as a refusal. */
export function sendProblem(reply: FastifyReply, code: ProblemCode, detail: string, members?: ProblemMembers) {
  return reply
    .code(problems[code].status)
    .header("content-type", "application/problem+json; charset=utf-8")
    .send(JSON.stringify(problemBody(code, detail, reply.request.id, members)));
}

/** The problem that an error is to the caller. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof StoreUnavailable) {
    const detail = "The database did not answer, and what was asked is known nowhere else. Try again soon.";
    return new Problem("store_unavailable", detail, { headers: retrySoon, cause: error });
  }
  if (error instanceof LogUnavailable) {
    const detail = "The order log did not answer. Try again soon.";
    return new Problem("log_unavailable", detail, { headers: retrySoon, cause: error });
  }
  // Only of drivers' positions is there nobody else to ask.
  if (error instanceof CacheUnavailable) {
    const detail = "Redis did not answer, and has drivers' positions alone. Try again soon, with the newest one.";
    return new Problem("positions_unavailable", detail, { headers: retrySoon, cause: error });
  }
  if (isFastifyError(error)) {
    return new Problem(fastifyCodes[error.code] ?? "invalid_request", error.message, { cause: error });
  }
  return new Problem("internal_error", "This is our fault and has been logged.", { cause: error });
}

const isFastifyError = (error: unknown): error is Pick<FastifyError, "code" | "name" | "message"> => {
  if (!(error instanceof Error) || !("statusCode" in error)) return false;
  return typeof error.statusCode === "number" && error.statusCode >= 400 && error.statusCode < 500;
};

function logProblem(request: FastifyRequest, { code, message, members }: Problem, error: unknown): void {
  const fields = {
    reqId: request.id,
    code,
    detail: message,
    method: request.method,
    url: request.url,
    orderId: members.orderId,
  };
  if (code === "internal_error") request.log.error({ ...fields, err: error }, "request failed");
  else if (problems[code].status >= 500) request.log.warn(fields, "request could not be served");
  else request.log.info(fields, "request refused");
}
