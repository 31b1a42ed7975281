/**
 * PostgreSQL arrays in its binary format. The client library sends a Buffer parameter as binary, and that spares both
 * sides the text of a dozen arrays for every commit. The format is that of the server's `array_recv`: dimensions,
 * null flag, element type, then length and lower bound, then each element behind its own length (-1: null).
 *
 * Every function takes one value for each element and returns the whole parameter. Values out of range throw.
 */

const elementType = { bool: 16, int4: 23, int8: 20, text: 25, uuid: 2950, timestamptz: 1184 } as const;
const headBytes = 20;
const lengthBytes = 4;
/** Microseconds between 1970 and PostgreSQL's epoch, 2000-01-01. */
const postgresEpochMs = 946_684_800_000;

function head(buffer: Buffer, type: number, count: number): void {
  buffer.writeInt32BE(count === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeInt32BE(type, 8);
  if (count > 0) {
    buffer.writeInt32BE(count, 12);
    buffer.writeInt32BE(1, 16);
  }
}

function fixed(type: number, bytes: number, count: number, write: (buffer: Buffer, at: number, index: number) => void) {
  if (count === 0) {
    const empty = Buffer.alloc(12);
    head(empty, type, 0);
    return empty;
  }
  const buffer = Buffer.allocUnsafe(headBytes + count * (lengthBytes + bytes));
  head(buffer, type, count);
  let at = headBytes;
  for (let index = 0; index < count; index++) {
    buffer.writeInt32BE(bytes, at);
    write(buffer, at + lengthBytes, index);
    at += lengthBytes + bytes;
  }
  return buffer;
}

function writeInt64(buffer: Buffer, value: number, at: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`);
  buffer.writeInt32BE(Math.floor(value / 0x1_0000_0000), at);
  buffer.writeUInt32BE(value >>> 0, at + 4);
}

export function int4Array(values: readonly number[]): Buffer {
  return fixed(elementType.int4, 4, values.length, (buffer, at, index) => {
    const value = values[index] ?? NaN;
    if ((value | 0) !== value) throw new RangeError(`${value} is not an int4`);
    buffer.writeInt32BE(value, at);
  });
}

export function boolArray(values: readonly boolean[]): Buffer {
  return fixed(elementType.bool, 1, values.length, (buffer, at, index) => {
    buffer.writeUInt8(values[index] === true ? 1 : 0, at);
  });
}

export function int8Array(values: readonly number[]): Buffer {
  return fixed(elementType.int8, 8, values.length, (buffer, at, index) => writeInt64(buffer, values[index] ?? NaN, at));
}

/** Milliseconds since 1970, whole. From the year 2285 on, their microseconds are more than a number holds exactly. */
export function timestampArray(values: readonly number[]): Buffer {
  return fixed(elementType.timestamptz, 8, values.length, (buffer, at, index) => {
    const ms = (values[index] ?? NaN) - postgresEpochMs;
    if (!Number.isSafeInteger(ms)) throw new RangeError(`${ms} is not a safe integer`);
    const high = Math.floor(ms / 0x1_0000_0000);
    const low = (ms - high * 0x1_0000_0000) * 1000;
    buffer.writeInt32BE(high * 1000 + Math.floor(low / 0x1_0000_0000), at);
    buffer.writeUInt32BE(low >>> 0, at + 4);
  });
}

/** UUIDs in their usual form of 36 characters. */
export function uuidArray(values: readonly string[]): Buffer {
  return fixed(elementType.uuid, 16, values.length, (buffer, at, index) => {
    const text = values[index] ?? "";
    const hex = text.replaceAll("-", "");
    if (hex.length !== 32 || buffer.write(hex, at, 16, "hex") !== 16) throw new RangeError(`${text} is not a UUID`);
  });
}

export function textArray(values: readonly (string | null)[]): Buffer {
  const count = values.length;
  if (count === 0) return fixed(elementType.text, 0, 0, () => undefined);
  let bytesMax = headBytes;
  for (const value of values) bytesMax += lengthBytes + (value === null ? 0 : value.length * 3);
  const buffer = Buffer.allocUnsafe(bytesMax);
  head(buffer, elementType.text, count);
  let at = headBytes;
  for (const value of values) {
    if (value === null) {
      buffer.writeInt32BE(-1, at);
      at += lengthBytes;
      continue;
    }
    const written = buffer.write(value, at + lengthBytes, "utf8");
    buffer.writeInt32BE(written, at);
    at += lengthBytes + written;
  }
  return buffer.subarray(0, at);
}
