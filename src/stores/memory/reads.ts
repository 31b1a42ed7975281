/** What the ingress reads, over the ledger in memory: for the simulation. */
import type { StoredLine } from "../../schemas/lines.ts";
import type { DeadLetterStore, KeptLetter } from "../dead-letter-store.ts";
import type { OrderFilter, OrderReads } from "../order-reads.ts";
import type { MemoryLedger } from "./ledger-store.ts";

/** `partitionCount` is asked each time: partitions are added while orders flow. */
export function createMemoryOrderReads(ledger: MemoryLedger, partitionCount: () => number): OrderReads {
  const newestFirst = (isWanted: (line: StoredLine) => boolean, limit: number): readonly StoredLine[] =>
    [...ledger.lines.values()]
      .filter((line) => line.type === "PlaceOrder" && isWanted(line))
      .toReversed()
      .slice(0, limit);
  return {
    lines: (ids) => Promise.resolve(ids.map((id) => ledger.lines.get(id) ?? null)),
    stock: (ids) => Promise.resolve(ids.map((id) => ledger.stock.get(id) ?? null)),
    progress: () => {
      const partitions = Array.from({ length: partitionCount() }, (_, partition) => ledger.progressOf(partition));
      const claimed = partitions.filter(({ epoch }) => epoch > 0);
      return Promise.resolve(new Map(claimed.map(({ partition, nextOffset }) => [partition, nextOffset])));
    },
    list: (filter, _after, limit) =>
      Promise.resolve({ lines: newestFirst((line) => isOf(filter, line), limit), next: null }),
    listByStatus: (status, _after, limit) =>
      Promise.resolve({ lines: newestFirst((line) => line.status === status, limit), next: null }),
  };
}

function isOf(filter: OrderFilter, line: StoredLine): boolean {
  if (filter.by === "product") return line.productId === filter.productId;
  const { basketId, productId, status } = filter.also;
  const isTheirs = filter.by === "customer" ? line.customerId === filter.customerId : line.basketId === filter.basketId;
  return (
    isTheirs &&
    (basketId === null || line.basketId === basketId) &&
    (productId === null || line.productId === productId) &&
    (status === null || line.status === status)
  );
}

export function createMemoryLetterReads(ledger: MemoryLedger): Pick<DeadLetterStore, "undecided"> {
  const find = (id: string): KeptLetter | null => {
    const letterId = ledger.deadLetters.findIndex(({ commandId, outcome }) => commandId === id && outcome === null);
    const letter = ledger.deadLetters[letterId];
    if (letter === undefined) return null;
    const untouched = { storedAt: 0, settledAt: null, redrivenAs: null, settledBecause: null };
    return { ...letter, letterId, ...untouched };
  };
  return { undecided: (ids) => Promise.resolve(ids.map(find)) };
}
