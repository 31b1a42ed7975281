import { simCodec } from "../simulation/sim-codec.ts";
import type { World } from "../simulation/world.ts";
import type { BookedRecord, Books } from "./check.ts";
import type { Told } from "./told.ts";

/** A record on the log that could not be read, and why; Tallyman keeps it and passes on. */
export type KeptRecord = { readonly partition: number; readonly offset: number; readonly reason: string };

/** What a world has stored, and what was said of it. */
export function booksOf({ errors, log, ledger, cache }: World, told: Told): Books {
  return {
    errors,
    records: log.partitions.flatMap((_, partition) => recordsOf(log.read(partition, 0, log.end(partition)), partition)),
    lines: ledger.lines,
    stock: ledger.stock,
    letters: ledger.deadLetters,
    acknowledged: told.acknowledged,
    stored: told.stored,
    told: told.decided,
    cachedQuantity: (productId) => cache.quantityOf(productId),
  };
}

function recordsOf(records: ReturnType<World["log"]["read"]>, partition: number): BookedRecord[] {
  return records.map(({ offset, key, value }) => {
    const decoded = simCodec.decode(key, value);
    return { partition, offset, command: decoded.kind === "command" ? decoded.command : undefined };
  });
}
