import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { murmur2, murmur2OfString } from "../../src/partitioning/murmur2.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";

type Vectors = {
  readonly partitionCounts: readonly number[];
  readonly vectors: readonly {
    readonly keyHex: string;
    readonly hash: number;
    readonly partitions: readonly number[];
  }[];
};

// Made by Java's own client; Murmur2Vectors.java beside the table says how.
const table = JSON.parse(readFileSync(new URL("../fixtures/murmur2/vectors.json", import.meta.url), "utf8")) as Vectors;

describe("murmur2", () => {
  test("the table covers every length up to 64, the empty key and keys beyond ASCII", () => {
    const lengths = new Set(table.vectors.map(({ keyHex }) => keyHex.length / 2));
    for (let length = 0; length <= 64; length++) expect(lengths).toContain(length);
    expect(table.vectors.filter(({ keyHex }) => /[89a-f][0-9a-f]/.test(keyHex)).length).toBeGreaterThan(50);
  });

  test.each(table.vectors)("hashes $keyHex as Java does", ({ keyHex, hash, partitions }) => {
    const bytes = Buffer.from(keyHex, "hex");
    expect(murmur2(bytes)).toBe(hash);
    expect(murmur2OfString(bytes.toString("utf8"))).toBe(hash);
    expect(table.partitionCounts.map((count) => partitionOf(bytes.toString("utf8"), count))).toEqual(partitions);
  });

  test("a string hashes like its UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 100 }), (text) => {
        expect(murmur2OfString(text)).toBe(murmur2(Buffer.from(text, "utf8")));
      }),
    );
  });

  test("bytes within a larger buffer hash like a copy of them", () => {
    const large = Buffer.from("xxxproduct-17yyy");
    expect(murmur2(large.subarray(3, 13))).toBe(murmur2(Buffer.from("product-17")));
  });
});
