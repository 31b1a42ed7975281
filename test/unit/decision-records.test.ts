import { describe, expect, it } from "vitest";
import { decisionRecords, wholeCommits } from "../../src/processors/decision-records.ts";
import { decideGroup } from "../../src/processors/decide-group.ts";
import { limits } from "../../src/limits.ts";
import { decisionsSchemaText, createDecisionsEncoder, decisionsType } from "../../src/schemas/decisions-codec.ts";
import { createMemorySchemaSource } from "../../src/schemas/memory-schema-source.ts";
import type { Line, StoredLine } from "../../src/schemas/lines.ts";
import {
  logged,
  movementLine,
  orderLine,
  placeOrder,
  receiveStock,
  resumeProduct,
  tombstoneLine,
  uuidOf,
} from "../support/commands.ts";

const records = (lines: readonly Line[], max = limits.decisionsPerRecordMax) => decisionRecords(3, lines, () => 7, max);
const placesOf = (lines: readonly Line[]) =>
  records(lines).flatMap(({ decisions }) =>
    decisions.map(({ position, index, version }) => [position, index, version]),
  );

/** A parked product of which two commands wait; in one group, another command of its own comes, then the ResumeProduct. */
function resumedGroup(): readonly Line[] {
  const productId = "p1";
  const waiting = [1, 2].map((number) => ({
    command: receiveStock({ commandId: uuidOf(90 + number), productId, quantity: number }),
    place: { partition: 3, offset: number },
  }));
  const own = [
    logged(receiveStock({ commandId: uuidOf(5), productId, quantity: 1 }), 8, 3),
    logged(placeOrder({ commandId: uuidOf(6), productId, quantity: 1_000 }), 9, 3),
  ];
  const resume = logged(resumeProduct({ commandId: uuidOf(7), productId, commandsMax: 9 }), 10, 3);
  const later = logged(placeOrder({ commandId: uuidOf(4), productId, quantity: 1 }), 11, 3);
  const { answers } = decideGroup([...own, resume, later], {
    base: () => undefined,
    found: {
      stock: new Map([[productId, { quantity: 1, version: 4 }]]),
      parked: new Set([productId]),
      lines: new Map(),
      stockAtVersion: new Map(),
    },
    waiting: new Map([[productId, { commands: waiting, more: false }]]),
    encode: () => Buffer.alloc(0),
  });
  return answers.map(({ line }) => line);
}

describe("records of the decisions topic", () => {
  it("a product's decisions of a commit make one record, and many make several", () => {
    const lines = [0, 1, 2, 3, 4].map((offset) =>
      orderLine({ commandId: uuidOf(offset), productId: offset === 2 ? "p2" : "p1", partition: 3, offset }),
    );
    expect(
      records(lines).map(({ productId, decisions }) => [productId, decisions.map(({ offset }) => offset)]),
    ).toEqual([
      ["p1", [0, 1, 3, 4]],
      ["p2", [2]],
    ]);
    expect(records(lines, 3).map(({ decisions }) => decisions.length)).toEqual([3, 1, 1]);
  });

  it("what was resumed comes in the order of decision, and each decision has a place of its own, whichever way it is read", () => {
    const live = resumedGroup();
    expect(live.map(({ offset }) => offset)).toEqual([10, 10, 8, 9, 10, 11]);
    const told = placesOf(live);
    expect(told.map(([position, index]) => [position, index])).toEqual([
      [10, 0],
      [10, 1],
      [10, 2],
      [10, 3],
      [10, 4],
      [11, 0],
    ]);
    expect(told.map(([, , version]) => version)).toEqual([5, 6, 7, 7, 7, 8]);
    // As the ledger gives them back: by offset, those of one offset in any order.
    const [one, two, three, four, five, six] = live;
    if (!one || !two || !three || !four || !five || !six) throw new Error("six lines were expected");
    for (const stored of [
      [three, four, one, two, five, six],
      [three, four, five, two, one, six],
    ]) {
      expect(records(stored)).toEqual(records(live));
    }
  });

  it("an order that was cancelled since is told as it was decided, and what only keeps an id free is not told", () => {
    const order = orderLine({ commandId: uuidOf(1), partition: 3, offset: 1 });
    const since: Line = { ...order, status: "cancelled", revision: 2 };
    expect(records([since])).toEqual(records([order]));
    expect(records([tombstoneLine({ partition: 3, offset: 1 })]).flatMap(({ decisions }) => decisions)).toEqual([]);
    const late: Line = { ...order, status: "cancelled", reason: "cancelled_before_placed", revision: 2, delta: 0 };
    expect(records([late])[0]?.decisions).toMatchObject([{ status: "cancelled", revision: 2 }]);
  });

  it("of a full page the last commit is left out, for it may go on; what kept an older time does not end it", () => {
    const line = (offset: number, decidedAt: number, fields: Partial<Line> = {}): StoredLine => {
      return { ...movementLine({ commandId: uuidOf(offset), partition: 3, offset, ...fields }), decidedAt };
    };
    const late = { type: "PlaceOrder", status: "cancelled", reason: "cancelled_before_placed" } as const;
    expect(wholeCommits([line(1, 10), line(2, 10), line(3, 20), line(4, 20)])).toBe(2);
    expect(wholeCommits([line(1, 10), line(2, 20), line(3, 5, late), line(4, 20)])).toBe(1);
    expect(wholeCommits([line(1, 10), line(2, 20), line(3, 5, late)])).toBe(1);
    expect(wholeCommits([line(1, 10), line(2, 10)])).toBe(0);
    expect(wholeCommits([])).toBe(0);
    expect(wholeCommits([line(1, 10), line(1, 10, late), line(2, 20)]), "a page must not begin where it began").toBe(2);
  });

  it("are Avro in Confluent's wire format, and the longest one is within its bound", async () => {
    const schemas = createMemorySchemaSource();
    await schemas.register("{}");
    const encode = await createDecisionsEncoder(schemas);
    const longest = {
      ...orderLine({
        commandId: uuidOf(1),
        partition: 3,
        offset: 2 ** 52,
        version: 2 ** 52,
      }),
      type: "ResumeProduct",
      status: "cancelled",
      reason: "cancelled_before_placed",
      orderId: uuidOf(2),
      quantity: limits.quantityMax,
      delta: -limits.quantityMax,
      stockAfter: limits.stockMax,
      revision: 2 ** 31 - 1,
    } as const;
    const [record] = decisionRecords(2 ** 31 - 1, [longest], () => 8e15, 1);
    if (record === undefined) throw new Error("a record was expected");
    const bytes = encode({ ...record, decisions: Array.from({ length: 500 }, () => record.decisions[0] ?? never()) });
    expect(bytes[0]).toBe(0);
    expect(bytes.readInt32BE(1)).toBe(2);
    expect(await schemas.schemaById(2)).toBe(decisionsSchemaText);
    expect(decisionsType.decode(bytes, 5).value).toMatchObject({ productId: record.productId });
    expect(bytes.length / 500).toBeLessThan(limits.decisionBytesMax);
  });
});

function never(): never {
  throw new Error("there is a decision");
}
