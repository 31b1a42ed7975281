/** How routes declare what they answer: the body's schema, and every header that it may come with. */
import { Type } from "typebox";
import type { TSchema } from "typebox";

export const answerHeaders = {
  "X-Request-Id": Type.String({ description: "The caller's own, or one that was made; it is in the logs" }),
  Location: Type.String({
    pattern: "^/(orders|products|drivers|webhooks)/",
    description: "Where to read what was made",
  }),
  "Preference-Applied": Type.String({ pattern: "^wait=[0-9]+$", description: "The wait that was granted (RFC 7240)" }),
  "Retry-After": Type.String({ pattern: "^[0-9]+$", description: "Seconds, then try again (RFC 9110)" }),
  "X-Tallyman-Stale": Type.Enum(["1"], { description: "PostgreSQL can't be asked now; the answer may be old" }),
  "Cache-Control": Type.Enum(["no-store", "no-cache", "private, no-cache"], {
    description:
      "`no-store`: nobody may keep the answer; `no-cache`: who keeps it asks again with its `ETag` each time; `private`: no cache between may keep it",
  }),
  "X-Cache": Type.Enum(["HIT", "MISS", "BYPASS"], {
    description:
      "Where descriptions came from: Redis; PostgreSQL; or PostgreSQL since they are just being changed, depend on quantities, or Redis could not be asked. Quantities are always as they are",
  }),
  ETag: Type.String({
    pattern: '^(W/)?"[A-Za-z0-9+/=._-]+"$',
    description: "Which state of it this is: for `If-None-Match`",
  }),
} as const satisfies Record<string, TSchema>;

export type HeaderName = keyof typeof answerHeaders;

/** The `headers` part of an answer's declaration. Every answer has `X-Request-Id`. */
export const headersOf = (...names: readonly HeaderName[]): Record<string, TSchema> =>
  Object.fromEntries((["X-Request-Id", ...names] as const).map((name) => [name, answerHeaders[name]]));

/** A success with a JSON body. */
export const answer = <Schema extends TSchema>(description: string, schema: Schema, ...headers: HeaderName[]) => ({
  description,
  headers: headersOf(...headers),
  content: { "application/json": { schema } },
});

/** What a caller has already: no body. */
export const notModified = {
  ...Type.Null({ description: "As the caller has it (`If-None-Match`)" }),
  headers: headersOf("ETag", "Cache-Control"),
};

/** The same of a page that is kept in Redis. */
export const pageNotModified = { ...notModified, headers: headersOf("ETag", "Cache-Control", "X-Cache") };

/** Answers that may also be told to somebody who waited. */
export const waited = <Each extends { readonly headers: Record<string, TSchema> }>(
  answers: Readonly<Record<string, Each>>,
): Record<string, Each> =>
  Object.fromEntries(
    Object.entries(answers).map(([status, each]) => [
      status,
      { ...each, headers: { ...each.headers, "Preference-Applied": answerHeaders["Preference-Applied"] } },
    ]),
  );
