import { murmur2OfString } from "./murmur2.ts";

/**
 * The partition of the product's commands, 0 to `partitionCount` - 1: Java's `toPositive(murmur2(key)) % n`. All
 * commands of a product are on this one partition, so its owner decides them one after another. `partitionCount` comes
 * from the partition map (P19), never from a client library's metadata, which may be minutes old.
 */
export const partitionOf = (productId: string, partitionCount: number): number =>
  (murmur2OfString(productId) & 0x7fffffff) % partitionCount;
