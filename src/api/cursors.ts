/**
 * Cursors are opaque to callers: a page's place in its listing, as base64url of JSON. They carry nothing secret and are
 * checked like any other input; a cursor of another listing is refused.
 */
import { limits } from "../limits.ts";
import type { LogPosition, TimePosition } from "../stores/order-reads.ts";
import { Problem } from "./problems.ts";

const partitionsMax = 10_000;
const timeShape = /^[0-9]{4,6}-[0-9]{2}-[0-9]{2}[ T][0-9:.]{8,15}[+-][0-9:]{2,8}$/;

export const timeCursor = ({ decidedAt, partition, offset }: TimePosition): string =>
  encode(["t", decidedAt, partition, offset]);

export const logCursor = (position: LogPosition): string => encode(["l", ...[...position].flat()]);

export const productCursor = (productId: string): string => encode(["p", productId]);

/** The three readers throw `invalid_cursor`. */
export function readTimeCursor(cursor: string): TimePosition {
  const [kind, decidedAt, partition, offset, ...rest] = decode(cursor);
  const isTime = typeof decidedAt === "string" && timeShape.test(decidedAt);
  if (kind !== "t" || !isTime || !isCount(partition) || !isCount(offset) || rest.length > 0) throw invalid();
  return { decidedAt, partition, offset };
}

export function readLogCursor(cursor: string): LogPosition {
  const [kind, ...numbers] = decode(cursor);
  if (kind !== "l" || numbers.length % 2 !== 0 || numbers.length > partitionsMax) throw invalid();
  const position = new Map<number, number>();
  for (let at = 0; at < numbers.length; at += 2) {
    const [partition, offset] = [numbers[at], numbers[at + 1]];
    if (!isCount(partition) || !isCount(offset) || partition >= partitionsMax) throw invalid();
    position.set(partition, offset);
  }
  return position;
}

export function readProductCursor(cursor: string): string {
  const [kind, productId, ...rest] = decode(cursor);
  const isId = typeof productId === "string" && productId.length <= limits.productIdCharsMax;
  if (kind !== "p" || !isId || rest.length > 0 || productId.includes("\0")) throw invalid();
  return productId;
}

const encode = (parts: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(parts)).toString("base64url");

function decode(cursor: string): unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    if (Array.isArray(parts)) return parts;
  } catch {
    // Not JSON: the same answer as for any other word.
  }
  throw invalid();
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const invalid = (): Problem => new Problem("invalid_cursor", "Start again without a cursor.");
