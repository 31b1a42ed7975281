/** The audit against the real decider: whatever it decides is right, and whatever is changed afterwards is told. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Line } from "../../src/schemas/lines.ts";
import { commandLog, groupSizes } from "../support/arbitraries.ts";
import { resumeProduct, uuidOf } from "../support/commands.ts";
import { auditHistory, historyOf } from "./audit-history.ts";
import type { History, Sent } from "./audit-history.ts";

const partitionCount = 3;

/**
 * A product is in one partition, or strewn over all of them; between commands there are garbage and markers. Now and then a
 * command is refused by the store, which parks its product, and now and then a product is resumed.
 */
const sent: fc.Arbitrary<readonly Sent[]> = fc
  .tuple(commandLog, fc.boolean(), fc.boolean(), fc.infiniteStream(fc.nat({ max: 1_000 })))
  .map(([commands, strewn, parks, numbers]) => {
    const next = (): number => numbers.next().value as number; // Endless.
    const partitionOf = (productId: string): number => (strewn ? next() : Number(productId.slice(1))) % partitionCount;
    return commands.flatMap((command, index): Sent[] => {
      const others = [next(), next()].flatMap((number): Sent[] =>
        number < 100 ? [{ partition: number % partitionCount, what: number < 60 ? "garbage" : "marker" }] : [],
      );
      const [refuses, resumes] = [next(), next()];
      if (parks && resumes < 120) {
        const productId = `p${1 + (resumes % 3)}`;
        const what = resumeProduct({
          commandId: uuidOf(1_000 + (resumes % 40)),
          productId,
          commandsMax: 1 + (resumes % 5),
        });
        others.push({ partition: partitionOf(productId), what, refused: resumes < 10 });
      }
      const refused = parks && index > 1 && refuses < 60;
      return [...others, { partition: partitionOf(command.productId), what: command, refused }];
    });
  });

describe("what the decider decides", () => {
  it("is right", async () => {
    await fc.assert(
      fc.asyncProperty(sent, groupSizes, async (commands, sizes) => {
        const { findings } = await auditHistory(historyOf(commands, partitionCount, sizes));
        expect(findings.differences).toEqual([]);
      }),
      { numRuns: 600 },
    );
  });

  it("has in it what the audit must know of", () => {
    const reasons = new Set<string | null>();
    for (const commands of fc.sample(sent, { numRuns: 300, seed: 7 })) {
      const { lines, letters } = historyOf(commands, partitionCount, [3, 1, 5]);
      for (const { type, status, reason } of lines.values()) reasons.add(`${type} ${status} ${String(reason)}`);
      for (const { kind, outcome } of letters) reasons.add(`letter ${kind} ${String(outcome)}`);
    }
    for (const reason of [
      ...["PlaceOrder accepted null", "PlaceOrder cancelled null", "PlaceOrder cancelled cancelled_before_placed"],
      ...["PlaceOrder rejected insufficient_stock", "PlaceOrder rejected unknown_product"],
      ...["CancelOrder accepted null", "CancelOrder rejected order_already_cancelled"],
      ...["CancelOrder rejected product_mismatch", "CancelOrder rejected not_an_order"],
      ...["CancelOrder rejected order_rejected", "CountStock accepted null", "CountStock rejected unknown_version"],
      ...[
        "CountStock rejected count_conflict",
        "ReceiveStock accepted null",
        "ReceiveStock rejected quantity_out_of_range",
      ],
      ...["ResumeProduct accepted null", "ResumeProduct rejected not_parked", "ResumeProduct rejected still_refused"],
      ...["ArchiveProduct accepted null", "ArchiveProduct rejected already_archived"],
      ...["RestoreProduct accepted null", "RestoreProduct rejected not_archived"],
      ...["PlaceOrder rejected product_archived", "ArchiveProduct rejected unknown_product"],
      ...["PackOrder accepted null", "PackOrder rejected already_packed", "CancelOrder rejected already_packed"],
      ...["PackOrder rejected order_already_cancelled", "PackOrder rejected unknown_order"],
      ...["letter undecodable null", "letter refused null", "letter refused resumed"],
      ...["letter waiting null", "letter waiting resumed"],
    ]) {
      expect([...reasons], reason).toContain(reason);
    }
  });
});

describe("a letter that was redriven", () => {
  it("may be on its way while something on the log is not decided", async () => {
    const history = historyOf([{ partition: 0, what: "garbage" }], 1);
    Object.assign(history.letters[0] ?? {}, { outcome: "redriven", redrivenAs: uuidOf(4_711) });
    const findings = async (high: number) => {
      const inspector = { ends: () => Promise.resolve(new Map([[0, { low: 0, high }]])) };
      const report = await auditHistory(history, { inspector }, {}, { atRest: false });
      return report.findings.differences.map(({ kind }) => kind);
    };
    expect(await findings(2)).toEqual([]);
    expect(await findings(1)).toEqual(["A20"]);
  });
});

/** Another value of the same column. */
function otherValue(field: keyof Line, value: unknown, type: Line["type"]): unknown {
  // How many commands it decided has no other witness than those that have lines there. A cancel that is refused says the
  // units of its order, or none where that had not come: at the same version it may be either.
  if (field === "quantity") return Number(value) + (type === "ResumeProduct" ? -1_000 : 1_000);
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
  "a product is archived that is not, or the other way round": (history, number) => {
    const found = pick([...history.stock], number);
    if (found === undefined) return false;
    const [productId, { quantity, version, archived }] = found;
    history.stock.set(productId, { quantity, version, ...(archived !== true && { archived: true }) });
    return true;
  },
  "stock is gone": (history, number) => {
    const id = pick([...history.stock.keys()], number);
    return id !== undefined && history.stock.delete(id);
  },
  "a dead letter is gone": (history, number) => {
    // Without it, the record of a command that was decided elsewhere looks like a repeat.
    const needed = history.letters.filter(
      ({ commandId, outcome }) => commandId === null || (outcome === null && !history.lines.has(commandId)),
    );
    const letter = pick(needed, number);
    return letter !== undefined && history.letters.splice(history.letters.indexOf(letter), 1).length > 0;
  },
  "a dead letter has other bytes": (history, number) => {
    const letter = pick(
      history.letters.filter(({ kind }) => kind === "undecodable"),
      number,
    );
    if (letter === undefined) return false;
    if (number % 3 === 0) history.letters.splice(history.letters.indexOf(letter), 1, { ...letter, key: null });
    else {
      const value = number % 3 === 1 ? null : Buffer.from("other");
      history.letters.splice(history.letters.indexOf(letter), 1, { ...letter, value });
    }
    return true;
  },
  "a dead letter is of another command": (history, number) => {
    const letter = pick(
      history.letters.filter(({ kind }) => kind !== "undecodable"),
      number,
    );
    if (letter === undefined) return false;
    history.letters.splice(history.letters.indexOf(letter), 1, { ...letter, commandId: uuidOf(4_711) });
    return true;
  },
  "a command that was resumed is said to wait": (history, number) => {
    const resumed = history.letters.filter(
      ({ outcome, productId }) => outcome === "resumed" && !history.parked.has(productId ?? ""),
    );
    const letter = pick(resumed, number);
    if (letter === undefined) return false;
    letter.outcome = null;
    return true;
  },
  "a command that waits has been overtaken": (history, number) => {
    const waiting = history.letters.filter(({ outcome, productId }) => outcome === null && productId !== null);
    const letter = pick(waiting, number);
    if (letter === undefined) return false;
    const letterId = history.letters.length + 1;
    history.letters.push({ ...letter, partition: letter.partition, offset: -1, letterId, outcome: "resumed" });
    return true;
  },
  "a dead letter is said to be redriven": (history, number) => {
    const letter = pick(
      history.letters.filter(({ kind }) => kind === "undecodable"),
      number,
    );
    if (letter === undefined) return false;
    Object.assign(letter, { outcome: "redriven", redrivenAs: uuidOf(4_711) });
    return true;
  },
  "a product that is parked is not": (history, number) => {
    const waiting = history.letters.filter(({ outcome, productId }) => outcome === null && productId !== null);
    const letter = pick(waiting, number);
    return letter !== undefined && history.parked.delete(letter.productId ?? "");
  },
};
const fields = [
  ...["commandId", "type", "productId", "orderId", "quantity", "status", "reason", "delta", "stockAfter", "version"],
  ...["partition", "offset", "revision", "unitPriceCents", "currency", "customerId", "basketId", "deliveryLocation"],
  ...["asOfVersion", "reference", "actor", "fulfilment", "issuedAt"],
] as const satisfies readonly (keyof Line)[];
for (const field of fields) {
  changes[`${field} of a line is other`] = (history, number) => {
    const line = pick([...history.lines.values()], number);
    if (line === undefined) return false;
    const changed = { ...line, [field]: otherValue(field, line[field], line.type) };
    // Another record of the same command: between partitions nobody knows which of them came first. Another ResumeProduct of
    // the product may as well have decided what waited.
    const there = history.log[changed.partition]?.[changed.offset];
    if (typeof there === "object" && (field === "partition" || field === "offset")) {
      if (field === "partition" && there.commandId === line.commandId) return false;
      if (there.type === "ResumeProduct" && there.productId === line.productId) return false;
    }
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
      fc.asyncProperty(sent, groupSizes, fc.nat({ max: 10_000 }), async (commands, sizes, number) => {
        const history = historyOf(commands, partitionCount, sizes);
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
