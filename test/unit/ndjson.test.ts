import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readLines } from "../../src/api/ndjson.ts";
import type { InputLine } from "../../src/api/ndjson.ts";

const lineBytesMax = 20;

/** `body`, cut where `cuts` says. */
async function* pieces(body: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const ends = [...new Set(cuts.map((cut) => cut % (body.length + 1)))].toSorted((a, b) => a - b);
  let from = 0;
  for (const end of [...ends, body.length]) {
    await Promise.resolve();
    yield body.subarray(from, end);
    from = end;
  }
}

async function linesOf(body: Buffer, cuts: readonly number[]): Promise<InputLine[]> {
  const lines: InputLine[] = [];
  for await (const some of readLines(pieces(body, cuts), lineBytesMax)) lines.push(...some);
  return lines;
}

/** The same, slowly and all at once. */
function expected(lines: readonly Buffer[]): InputLine[] {
  return lines.flatMap((bytes, index): InputLine[] => {
    const number = index + 1;
    const text = bytes.toString("utf8");
    if (!Buffer.from(text).equals(bytes)) return [{ number, broken: "malformed_json" }];
    return text.trim() === "" ? [] : [{ number, text }];
  });
}

const line = fc.oneof(
  fc.string({ maxLength: 5, unit: "grapheme" }).map((text) => Buffer.from(text.replaceAll("\n", ""))),
  fc.constant(Buffer.from([0x22, 0xff, 0x22])),
  fc.constant(Buffer.alloc(0)),
);
const cuts = fc.array(fc.nat(1_000), { maxLength: 12 });

describe("lines of a body", () => {
  test("are the same wherever the body is cut, with and without a newline at the end", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), cuts, fc.boolean(), async (lines, where, ends) => {
        const short = lines.filter((each) => each.length <= lineBytesMax);
        const body = Buffer.concat(short.flatMap((each, index) => (index === 0 ? [each] : [Buffer.from("\n"), each])));
        const all = ends ? Buffer.concat([body, Buffer.from("\n")]) : body;
        expect(await linesOf(all, where)).toEqual(expected(short));
      }),
      { numRuns: 2_000 },
    );
  });

  test("that are too long are told of once, and spoil no other", async () => {
    const body = Buffer.from(`short\n${"x".repeat(1_000)}\nalso short\n${"y".repeat(21)}`);
    await fc.assert(
      fc.asyncProperty(cuts, async (where) => {
        expect(await linesOf(body, where)).toEqual([
          { number: 1, text: "short" },
          { number: 2, broken: "body_too_large" },
          { number: 3, text: "also short" },
          { number: 4, broken: "body_too_large" },
        ]);
      }),
    );
  });
});
