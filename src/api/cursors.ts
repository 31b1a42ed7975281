/**
 * Cursors are opaque to callers: a page's place in its listing, as base64url of JSON. They carry nothing secret and are
 * checked like any other input. Each carries a digest of what was listed: with another filter it would lead to a place
 * that means nothing there, and quietly leave out orders; so it is refused. How long a page is may change on the way.
 */
import { createHash } from "node:crypto";
import { limits } from "../limits.ts";
import type { ListingPosition } from "../stores/catalogue-store.ts";
import type { LogPosition, TimePosition } from "../stores/order-reads.ts";
import { Problem } from "./problems.ts";

const partitionsMax = 10_000;
export const timeShape = /^[0-9]{4,6}-[0-9]{2}-[0-9]{2}[ T][0-9:.]{8,15}[+-][0-9:]{2,8}$/;

/** What a listing lists: its query without page size and cursor. Members that are undefined count as absent. */
export type Listed = Readonly<Record<string, string | undefined>>;

export const timeCursor = ({ decidedAt, partition, offset }: TimePosition, listed: Listed): string =>
  encode(["t", digest(listed), decidedAt, partition, offset]);

export const logCursor = (position: LogPosition, listed: Listed): string =>
  encode(["l", digest(listed), ...[...position].flat()]);

export const productCursor = ({ key, productId }: ListingPosition, listed: Listed): string =>
  encode(["p", digest(listed), key, productId]);

/** Of a listing in the order of its ids. */
export const cursorOfId = (id: string, listed: Listed): string => encode(["i", digest(listed), id]);

/** Of a listing by a number that falls. */
export const numberCursor = (number: number, listed: Listed): string => encode(["n", digest(listed), number]);

/** The readers throw `invalid_cursor`. */
export function readNumberCursor(cursor: string, listed: Listed): number {
  const [kind, number, ...rest] = decode(cursor, listed);
  if (kind !== "n" || !isCount(number) || rest.length > 0) throw invalid();
  return number;
}

export function readTimeCursor(cursor: string, listed: Listed): TimePosition {
  const [kind, decidedAt, partition, offset, ...rest] = decode(cursor, listed);
  const isTime = typeof decidedAt === "string" && timeShape.test(decidedAt);
  if (kind !== "t" || !isTime || !isCount(partition) || !isCount(offset) || rest.length > 0) throw invalid();
  return { decidedAt, partition, offset };
}

export function readLogCursor(cursor: string, listed: Listed): LogPosition {
  const [kind, ...numbers] = decode(cursor, listed);
  if (kind !== "l" || numbers.length % 2 !== 0 || numbers.length > partitionsMax) throw invalid();
  const position = new Map<number, number>();
  for (let at = 0; at < numbers.length; at += 2) {
    const [partition, offset] = [numbers[at], numbers[at + 1]];
    if (!isCount(partition) || !isCount(offset) || partition >= partitionsMax) throw invalid();
    position.set(partition, offset);
  }
  return position;
}

/** `isKey` tells whether the sort of the listing can have that key: PostgreSQL would refuse others as no number or no time. */
export function readProductCursor(cursor: string, listed: Listed, isKey: (key: string) => boolean): ListingPosition {
  const [kind, key, productId, ...rest] = decode(cursor, listed);
  const isId = typeof productId === "string" && productId.length <= limits.productIdCharsMax;
  if (kind !== "p" || !isId || rest.length > 0 || productId.includes("\0")) throw invalid();
  if (typeof key !== "string" || key.includes("\0") || !isKey(key)) throw invalid();
  return { key, productId };
}

export function idInCursor(cursor: string, listed: Listed): string {
  const [kind, id, ...rest] = decode(cursor, listed);
  const isId = typeof id === "string" && id.length <= limits.productIdCharsMax && !id.includes("\0");
  if (kind !== "i" || !isId || rest.length > 0) throw invalid();
  return id;
}

const encode = (parts: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(parts)).toString("base64url");

/** Against slips, not against forgers: whoever may list may list anything. */
const digest = (listed: Listed): string =>
  createHash("sha256")
    .update(
      JSON.stringify(
        Object.entries(listed)
          .filter(([, value]) => value !== undefined)
          .sort(([one], [other]) => (one < other ? -1 : 1)),
      ),
    )
    .digest("base64url")
    .slice(0, 8);

/** The parts without the digest, which must be that of `listed`. */
function decode(cursor: string, listed: Listed): unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    if (Array.isArray(parts) && parts[1] === digest(listed)) return [parts[0], ...(parts.slice(2) as unknown[])];
  } catch {
    // Not JSON: the same answer as for any other word.
  }
  throw invalid();
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const invalid = (): Problem =>
  new Problem("invalid_cursor", "It is not a cursor of this listing with this filter. Start again without one.");
