/**
 * Lines of a body that may be of any length: what is kept is one piece of the body, and the beginning of a line.
 *
 * I1 A line that is longer than allowed is told of once, and its bytes are dropped as they come.
 * I2 Blank lines are no lines to answer, but they count: a line's number is its place in the body.
 */
import { isUtf8 } from "node:buffer";

/** `number` counts from 1. */
export type InputLine =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly broken: "body_too_large" | "malformed_json" };

const newline = 0x0a;
const nothing: Buffer = Buffer.alloc(0);

/** The lines of each piece of `body` that ends some, at once. Rejects as `body` does. */
export async function* readLines(
  body: AsyncIterable<Buffer>,
  lineBytesMax: number,
): AsyncGenerator<readonly InputLine[], void> {
  let rest = nothing;
  let isTooLong = false;
  let number = 0;

  /** `bytes` are whole lines, the last one without its newline. */
  const linesOf = (bytes: Buffer): InputLine[] => {
    const lines: InputLine[] = [];
    const texts = bytes.length > 0 && isUtf8(bytes) ? bytes.toString("utf8").split("\n") : textsOf(bytes);
    for (const text of texts) {
      number += 1;
      if (isTooLong || (text !== null && text.length > lineBytesMax)) lines.push({ number, broken: "body_too_large" });
      else if (text === null) lines.push({ number, broken: "malformed_json" });
      else if (text.trim() !== "") lines.push({ number, text });
      isTooLong = false; // I1
    }
    return lines;
  };

  for await (const piece of body) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const end = bytes.lastIndexOf(newline);
    rest = end === -1 ? bytes : bytes.subarray(end + 1);
    const lines = end === -1 ? [] : linesOf(bytes.subarray(0, end));
    if (rest.length > lineBytesMax) {
      isTooLong = true;
      rest = nothing;
    }
    if (lines.length > 0) yield lines;
  }
  const lines = rest.length > 0 || isTooLong ? linesOf(rest) : [];
  if (lines.length > 0) yield lines;
}

/** Line by line, for one that is not UTF-8 must spoil no other; null stands for it. */
function textsOf(bytes: Buffer): (string | null)[] {
  const texts: (string | null)[] = [];
  for (let from = 0, to = 0; to < bytes.length + 1; from = to + 1) {
    const next = bytes.indexOf(newline, from);
    to = next === -1 ? bytes.length : next;
    const line = bytes.subarray(from, to);
    texts.push(isUtf8(line) ? line.toString("utf8") : null);
    if (next === -1) break;
  }
  return texts;
}
