/** The audit against the real decider: whatever it decides is right, and whatever is changed afterwards is told. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Line } from "../../src/schemas/lines.ts";
import { commandLog } from "../support/arbitraries.ts";
import { uuidOf } from "../support/commands.ts";
import { auditHistory, historyOf } from "./audit-history.ts";
import type { History, Sent } from "./audit-history.ts";

const partitionCount = 3;

/** A product is in one partition, or strewn over all of them; between commands there are garbage and markers. */
const sent: fc.Arbitrary<readonly Sent[]> = fc
  .tuple(commandLog, fc.boolean(), fc.infiniteStream(fc.nat({ max: 1_000 })))
  .map(([commands, strewn, numbers]) => {
    const next = (): number => numbers.next().value as number; // Endless.
    return commands.flatMap((command) => {
      const partition = strewn ? next() % partitionCount : Number(command.productId.slice(1)) % partitionCount;
      const others = [next(), next()].flatMap((number): Sent[] =>
        number < 100 ? [{ partition: number % partitionCount, what: number < 60 ? "garbage" : "marker" }] : [],
      );
      return [...others, { partition, what: command }];
    });
  });

describe("what the decider decides", () => {
  it("is right", async () => {
    await fc.assert(
      fc.asyncProperty(sent, async (commands) => {
        const { findings } = await auditHistory(historyOf(commands, partitionCount));
        expect(findings.differences).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});

/** Another value of the same column. */
function otherValue(field: keyof Line, value: unknown): unknown {
  if (field === "commandId" || field === "orderId") return uuidOf(4_711);
  if (field === "type") return value === "CountStock" ? "ReceiveStock" : "CountStock";
  if (field === "productId") return value === "p1" ? "p2" : "p1";
  if (field === "status") return value === "accepted" ? "rejected" : "accepted";
  if (field === "reason") return value === "count_conflict" ? null : "count_conflict";
  if (field === "deliveryLocation") return { latitude: 1, longitude: 2, address: null };
  // Where a delivery brought nothing, two versions look alike: a refusal may have met either.
  if (field === "version") return Number(value) + 1_000;
  return typeof value === "number" ? value + 1 : `${String(value)}x`;
}

type Change = (history: History, number: number) => boolean;

/** Each returns whether there was something to change. */
const changes: Record<string, Change> = {
  "a line is gone": (history, number) => {
    const id = pick([...history.lines.keys()], number);
    return id !== undefined && history.lines.delete(id);
  },
  "a line is there that nobody sent": (history, number) => {
    const line = pick([...history.lines.values()], number);
    if (line === undefined) return false;
    history.lines.set(uuidOf(4_711), { ...line, commandId: uuidOf(4_711) });
    return true;
  },
  "stock is other": (history, number) => {
    const found = pick([...history.stock], number);
    if (found === undefined) return false;
    const [productId, { quantity, version }] = found;
    history.stock.set(
      productId,
      number % 2 === 0 ? { quantity: quantity + 1, version } : { quantity, version: version + 1 },
    );
    return true;
  },
  "stock is gone": (history, number) => {
    const id = pick([...history.stock.keys()], number);
    return id !== undefined && history.stock.delete(id);
  },
  "a dead letter is gone": (history, number) => history.kept.splice(number % (history.kept.length || 1), 1).length > 0,
  "a dead letter has other bytes": (history, number) => {
    const at = number % (history.kept.length || 1);
    const letter = history.kept[at];
    if (letter === undefined) return false;
    history.kept[at] = { ...letter, value: number % 2 === 0 ? null : Buffer.from("other") };
    return true;
  },
};
const fields = [
  ...["commandId", "type", "productId", "orderId", "quantity", "status", "reason", "delta", "stockAfter", "version"],
  ...["partition", "offset", "revision", "unitPriceCents", "currency", "customerId", "basketId", "deliveryLocation"],
  ...["asOfVersion", "reference", "issuedAt"],
] as const satisfies readonly (keyof Line)[];
for (const field of fields) {
  changes[`${field} of a line is other`] = (history, number) => {
    const line = pick([...history.lines.values()], number);
    if (line === undefined) return false;
    const changed = { ...line, [field]: otherValue(field, line[field]) };
    history.lines.delete(line.commandId);
    history.lines.set(changed.commandId, changed);
    return true;
  };
}

function pick<Item>(items: readonly Item[], number: number): Item | undefined {
  return items[number % (items.length || 1)];
}

describe("what is changed afterwards is told:", () => {
  it.each(Object.entries(changes))("%s", async (_name, change) => {
    let changed = 0;
    await fc.assert(
      fc.asyncProperty(sent, fc.nat({ max: 10_000 }), async (commands, number) => {
        const history = historyOf(commands, partitionCount);
        fc.pre(change(history, number));
        changed += 1;
        expect((await auditHistory(history)).findings.total).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
    expect(changed).toBeGreaterThanOrEqual(60);
  });

  it("every column of a line is tried", () => {
    const { lines } = historyOf(
      [
        {
          partition: 0,
          what: { type: "CancelOrder", commandId: uuidOf(1), productId: "p1", orderId: uuidOf(2), issuedAt: 1 },
        },
      ],
      1,
    );
    expect(Object.keys([...lines.values()][0] ?? {}).toSorted()).toEqual([...fields].toSorted());
  });
});
