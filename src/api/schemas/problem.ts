import { Type } from "typebox";
import { problems } from "../problems.ts";
import type { ProblemCode } from "../problems.ts";

const literals = (codes: readonly ProblemCode[]) => Type.Enum([...codes]);

const Problem = (codes: readonly ProblemCode[]) =>
  Type.Object({
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: literals(codes),
    detail: Type.String(),
    requestId: Type.String(),
  });

/** What can happen on any route. */
const everywhere: readonly ProblemCode[] = ["internal_error"];
/** What can happen on a route that takes a body. */
export const bodyProblems: readonly ProblemCode[] = [
  "invalid_request",
  "malformed_json",
  "body_too_large",
  "unsupported_media_type",
];
/** What can happen on a route that appends to the log. */
export const appendProblems: readonly ProblemCode[] = ["overloaded", "log_unavailable"];

/** The `response` part of a route's schema for these problems, by HTTP status. */
export function problemResponses(...lists: readonly (readonly ProblemCode[])[]) {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of new Set([...everywhere, ...lists.flat()])) {
    const { status } = problems[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      { description: codes.join(", "), content: { "application/problem+json": { schema: Problem(codes) } } },
    ]),
  );
}
