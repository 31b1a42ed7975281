/**
 * The fields that routes share. One TypeBox schema is the type, the check and the documentation of a field at once. What
 * passes here must pass the rules of the log's reader (src/schemas/command-rules.ts) too: a command that was acknowledged
 * must never turn out unreadable.
 */
import { Type } from "typebox";
import type { Static, TSchema } from "typebox";
import { limits } from "../../limits.ts";

/** Lengths count UTF-16 units, as the log's reader and JavaScript do; JSON Schema's own `maxLength` counts characters. */
export const Text = (charsMax: number, description: string, charsMin = 1) =>
  Type.Refine(
    Type.String({ minLength: charsMin, maxLength: charsMax, description }),
    (value) => value.length <= charsMax && !value.includes("\0") && value.isWellFormed(),
    () => `must be at most ${charsMax} UTF-16 units, without NUL and lone surrogates`,
  );

export const Nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

/** In requests a field may be absent or null: both mean that there is none. */
export const Absent = <Schema extends TSchema>(schema: Schema) => Type.Optional(Nullable(schema));

const closed = { additionalProperties: false } as const;
/** `example` is one of the whole object, for the documentation. */
export const Closed = <Properties extends Record<string, TSchema>>(properties: Properties, example?: object) =>
  Type.Object(properties, { ...closed, ...(example !== undefined && { examples: [example] }) });

/** What answers hold. Its name is the one under which the documentation has it, once for all routes. */
export const Named = <Properties extends Record<string, TSchema>>(
  title: string,
  properties: Properties,
  example: object,
) => Type.Object(properties, { title, examples: [example] });

/** The ids of all examples, so that one may be followed from route to route. */
export const exampleIds = {
  order: "018f7c1e-0000-7000-8000-000000000001",
  command: "0190a3b2-5c1d-7e8f-9a0b-1c2d3e4f5a6b",
  product: "chair-1",
  driver: "grace",
  webhook: "0190a3b2-5c1d-7e8f-9a0b-000000000001",
  delivery: "0190a3b2-5c1d-7e8f-9a0b-000000000002",
} as const;

export const ProductId = Type.String({
  // Not "." and "..": a URL that has them as a segment means another one.
  pattern: `^(?!\\.{1,2}$)[A-Za-z0-9._-]{1,${limits.productIdCharsMax}}$`,
  description: "The product's id",
  examples: [exampleIds.product],
});

export const Uuid = (description: string) =>
  Type.String({
    pattern: "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    description,
    examples: [exampleIds.order],
  });

export const Quantity = Type.Integer({ minimum: 1, maximum: limits.quantityMax, description: "Units" });

export const PriceCents = Type.Integer({
  minimum: 0,
  maximum: limits.priceCentsMax,
  description: "Price of one unit, in the currency's smallest unit",
});

/** Of the web alone: whoever shows it must not be led elsewhere. */
export const WebAddress = (description: string) =>
  Type.Refine(
    Type.String({
      minLength: 1,
      maxLength: limits.urlCharsMax,
      description,
      examples: ["https://shop.example/chair.jpg"],
    }),
    (value) => /^https?:\/\/[^\s"<>]+$/i.test(value) && URL.canParse(value) && value.isWellFormed(),
    () => "must be an address that begins with http:// or https://",
  );

export const Currency = Type.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217", examples: ["EUR"] });

export const DeliveryLocationSchema = Closed({
  latitude: Type.Number({ minimum: -90, maximum: 90, description: "Degrees, WGS 84" }),
  longitude: Type.Number({ minimum: -180, maximum: 180, description: "Degrees, WGS 84" }),
  address: Absent(Text(limits.addressCharsMax, "For people")),
});

export const FulfilmentField = (description: string) =>
  Nullable(Type.Enum(["packed", "out_for_delivery", "delivered"], { description }));

export const Time = (description: string) => Type.String({ format: "date-time", description: `${description}. UTC` });

export const PageQuery = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: limits.pageSizeMax, description: `Default ${limits.pageSizeDefault}` }),
  ),
  cursor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: limits.cursorCharsMax,
      description: "`next` of the page before, with the same filter",
    }),
  ),
};

export const NextCursor = Nullable(Type.String({ description: "Cursor of the next page; null: there is no more" }));

/** Requests may prefer to be answered when the command is decided (RFC 7240). Unknown headers are none of our business. */
export const PreferHeaders = Type.Object({
  prefer: Type.Optional(
    Type.String({
      description: `RFC 7240. \`wait=5\`: answer when it is decided, after 5 seconds at the latest; more than ${limits.waitSecondsMax} are ${limits.waitSecondsMax}. What is not understood is ignored`,
      examples: ["wait=5"],
    }),
  ),
});
/**
 * Who asks, until callers are authenticated: a value that is passed on and stored, and that nothing is decided by. Whoever adds
 * authorization takes it from there instead.
 */
export const ActorHeaders = Type.Object({
  "x-actor": Type.Optional(
    Text(limits.actorCharsMax, "Who asks, in the caller's words: kept beside what was done, and not authenticated"),
  ),
});
export const actorOf = (headers: Static<typeof ActorHeaders>): string | null => headers["x-actor"] ?? null;

export const CommandHeaders = Type.Object({
  ...PreferHeaders.properties,
  "idempotency-key": Type.Optional(
    Text(limits.idempotencyKeyCharsMax, "The same key again is the same command, whatever becomes of the first answer"),
  ),
});
export type CommandHeaders = Static<typeof CommandHeaders>;

export const IfNoneMatchHeaders = Type.Object({
  "if-none-match": Type.Optional(
    Type.String({
      maxLength: limits.ifMatchCharsMax,
      description: "`ETag` of what the caller has: 304 while it is that",
    }),
  ),
});
