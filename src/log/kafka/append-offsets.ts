import type { RecordMetadata } from "kafkajs";
import type { AppendRecord } from "../log.ts";

/**
 * The offset of each record, from what kafkajs says of each partition. Throws unless the broker has acknowledged every
 * partition, for kafkajs resolves without an error although it has not sent some records at all:
 *
 * - a partition that its metadata don't know (yet) is left out (kafkajs hazard 5);
 * - on a retry it skips brokers that have answered before, also when a partition has just moved to one of them.
 *
 * A partition may be there twice, when it moved the other way and was sent again: both copies are stored, the first one
 * will be decided and the second one is a duplicate (P1), so the lower offset is the record's.
 */
export const appendOffsets = (records: readonly AppendRecord[], acknowledged: readonly RecordMetadata[]): number[] => {
  const nextOffsets = new Map<number, number>();
  for (const { partition, errorCode, baseOffset } of acknowledged) {
    const base = Number(baseOffset ?? -1);
    if (errorCode !== 0 || base < 0) throw new Error(`partition ${partition} answered with error ${errorCode}`);
    nextOffsets.set(partition, Math.min(base, nextOffsets.get(partition) ?? base));
  }
  // kafkajs keeps the given order within a partition, and a batch takes consecutive offsets.
  return records.map(({ partition }) => {
    const offset = nextOffsets.get(partition);
    if (offset === undefined) throw new Error(`partition ${partition} was not acknowledged`);
    nextOffsets.set(partition, offset + 1);
    return offset;
  });
};
