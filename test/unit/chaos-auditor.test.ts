/**
 * The auditor must be able to fail: each of its checks, on what one product of a real run has left behind
 * (test/fixtures/chaos), with the one thing changed that the check is there for.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Evidence, Line, SentCommand } from "../chaos/auditor/evidence.ts";
import { judge } from "../chaos/auditor/judge.ts";
import type { CheckNumber } from "../chaos/auditor/judge.ts";
import { bounds } from "../chaos/auditor/quiet.ts";

const recorded = JSON.parse(
  readFileSync(new URL("../fixtures/chaos/evidence.json", import.meta.url), "utf8"),
) as Evidence;

/** The numbers of the checks that fail; C11 always does, for one product has too few decisions. */
function failing(changes: Partial<Evidence>): CheckNumber[] {
  return judge({ ...recorded, ...changes })
    .filter(({ complaints }) => complaints.length > 0)
    .map(({ number }) => number)
    .filter((number) => number !== "C11");
}

function found<Item>(items: readonly Item[], which: (item: Item) => boolean): Item {
  const item = items.find(which);
  if (item === undefined) throw new Error("the recorded run has none");
  return item;
}
const changed = <Item>(items: readonly Item[], item: Item, change: Partial<Item>): Item[] =>
  items.map((each) => (each === item ? { ...each, ...change } : each));
const without = <Item>(items: readonly Item[], item: Item): Item[] => items.filter((each) => each !== item);

const { commands, lines, records, stock, tellings, seenLines, progress } = recorded;
const isSold = ({ type, status }: Line): boolean => type === "PlaceOrder" && status === "accepted";
const ackedOrder = found(commands, ({ kind, place }) => kind === "order" && place !== null);
const sold = found(lines, isSold);
const row = stock[0] ?? { product_id: "", quantity: 0, version: 0, archived: false };
const lineOf = ({ id }: SentCommand): Line => found(lines, ({ command_id }) => command_id === id);

test("what really happened is right, but for how little of it this is", () => {
  const verdicts = judge(recorded);
  expect(verdicts.filter(({ complaints }) => complaints.length > 0).map(({ number }) => number)).toEqual(["C11"]);
  expect(verdicts.filter(({ judged }) => !judged).map(({ number }) => number)).toEqual(["C9"]);
});

describe("C1, the topic", () => {
  test("an acknowledgement of what never came there", () => {
    const invented: SentCommand = { ...ackedOrder, id: "invented", place: { partition: 0, offset: 1_000_000 } };
    expect(failing({ commands: [...commands, invented] })).toContain("C1");
  });
  test("an acknowledgement without a place, of what never came there", () => {
    expect(failing({ commands: [...commands, { ...ackedOrder, id: "invented", place: null }] })).toContain("C1");
  });
  test("another record at the place that was told", () => {
    const other = found(commands, ({ place }) => place !== null && place.offset !== ackedOrder.place?.offset);
    expect(failing({ commands: changed(commands, ackedOrder, { place: other.place }) })).toEqual(["C1"]);
  });
  test("a record with other content than was sent", () => {
    const record = found(records, ({ commandId }) => commandId === ackedOrder.id);
    expect(failing({ records: changed(records, record, { quantity: 99 }) })).toEqual(["C1"]);
    expect(failing({ records: changed(records, record, { key: "other" }) })).toEqual(["C1"]);
  });
});

describe("C2, exactly once", () => {
  test("an acknowledged command that is not decided", () => {
    expect(failing({ lines: without(lines, lineOf(ackedOrder)) })).toContain("C2");
  });
  test("a command that is decided twice, under two ids", () => {
    const delivery = found(lines, ({ type, reference }) => type === "ReceiveStock" && reference !== null);
    expect(failing({ lines: [...lines, { ...delivery, command_id: "again" }] })).toContain("C2");
  });
  test("a decision that nobody asked for", () => {
    const asked = found(commands, ({ id }) => id === sold.command_id);
    expect(failing({ commands: without(commands, asked) })).toEqual(["C2"]);
  });
  test("a decision of other content than was sent", () => {
    expect(failing({ lines: changed(lines, sold, { quantity: sold.quantity + 1 }) })).toEqual(["C2"]);
  });
  test("a record that was passed and not decided, though nobody had its acknowledgement", () => {
    const line = lineOf(ackedOrder);
    const unacked = changed(commands, ackedOrder, { ackedAt: null, place: null });
    expect(failing({ commands: unacked, lines: without(lines, line) })).toContain("C2");
  });
  test("a line at another place than its record", () => {
    expect(failing({ lines: changed(lines, sold, { offset: 1_000_000 }) })).toContain("C2");
  });
  test("a dead letter", () => {
    expect(failing({ deadLetters: 1 })).toEqual(["C2"]);
  });
});

describe("C3, nothing undone", () => {
  const seen = found(seenLines, ({ command_id }) => command_id === sold.command_id);
  test("a line that was seen and is gone", () => {
    expect(failing({ seenLines: [...seenLines, { ...seen, command_id: "gone" }] })).toEqual(["C3"]);
  });
  test("a line that was seen with another outcome, stock or version", () => {
    for (const change of [{ status: "rejected" }, { stock_after: 0 }, { version: 1 }, { delta: -99 }] as const)
      expect(failing({ seenLines: changed(seenLines, seen, change) })).toEqual(["C3"]);
  });
  test("an accepted order that became cancelled by nobody", () => {
    const cancelled = found(
      lines,
      ({ type, status, delta }) => type === "PlaceOrder" && status === "cancelled" && delta !== 0,
    );
    const cancel = found(lines, ({ type, order_id }) => type === "CancelOrder" && order_id === cancelled.command_id);
    expect(failing({ lines: without(lines, cancel) })).toContain("C3");
  });
  test("a decision that was told and is another one", () => {
    const told = found(tellings, ({ status, version }) => status === "accepted" && version !== null);
    expect(failing({ tellings: changed(tellings, told, { status: "rejected" }) })).toEqual(["C3"]);
    expect(failing({ tellings: changed(tellings, told, { stockAfter: 1_234 }) })).toEqual(["C3"]);
    expect(failing({ tellings: changed(tellings, told, { id: "nobody's" }) })).toEqual(["C3"]);
  });
  test("progress, an epoch or effects that went back", () => {
    const one = progress[0] ?? { partition: 0, epoch: 0, next_offset: 0, effects_offset: 0 };
    for (const key of ["epoch", "next_offset", "effects_offset"] as const)
      expect(failing({ seenProgress: [[{ ...one, [key]: one[key] + 1 }]] })).toEqual(["C3"]);
  });
});

describe("C4, stock", () => {
  test("a line that moves other units than it says", () => {
    expect(failing({ lines: changed(lines, sold, { delta: sold.delta - 1 }) })).toContain("C4");
  });
  test("stock that is not what its lines make", () => {
    expect(failing({ stock: [{ ...row, quantity: row.quantity + 1 }] })).toContain("C4");
    expect(failing({ stock: [{ ...row, version: row.version + 1 }] })).toContain("C4");
  });
  test("an order that was accepted without stock", () => {
    const refused = found(lines, ({ reason }) => reason === "insufficient_stock");
    const oversold = changed(lines, refused, { status: "accepted", reason: null, delta: -refused.quantity });
    expect(failing({ lines: oversold })).toContain("C4");
  });
  test("an order that was accepted of a product that is archived", () => {
    const refused = found(lines, ({ reason }) => reason === "product_archived");
    const sold = changed(lines, refused, { status: "accepted", reason: null, delta: -refused.quantity });
    expect(failing({ lines: sold })).toContain("C4");
  });
  test("an order that was refused as archived though its product was not", () => {
    const change = { status: "rejected", reason: "product_archived", delta: 0 } as const;
    expect(failing({ lines: changed(lines, sold, change) })).toContain("C4");
  });
  test("a product that is archived, and was restored", () => {
    expect(failing({ stock: [{ ...row, archived: !row.archived }] })).toEqual(["C4"]);
  });
  test("an order that is packed and cancelled", () => {
    const refused = found(lines, ({ type, reason }) => type === "CancelOrder" && reason === "already_packed");
    const both = changed(lines, refused, { status: "accepted", reason: null, delta: refused.quantity });
    expect(failing({ lines: both })).toContain("C4");
    const late = found(lines, ({ type, reason }) => type === "PackOrder" && reason === "order_already_cancelled");
    expect(failing({ lines: changed(lines, late, { status: "accepted", reason: null }) })).toContain("C4");
  });
  test("an order that is packed by nobody, or by a packing that it does not show", () => {
    const isSoldOnly = (line: Line): boolean => isSold(line) && line.fulfilment === null;
    expect(failing({ lines: changed(lines, found(lines, isSoldOnly), { fulfilment: "packed" }) })).toEqual(["C4"]);
    const packed = found(lines, ({ fulfilment }) => fulfilment === "packed");
    expect(failing({ lines: changed(lines, packed, { fulfilment: null }) })).toEqual(["C4"]);
  });
  test("an order that was refused in spite of stock", () => {
    const refused = changed(lines, sold, { status: "rejected", reason: "insufficient_stock", delta: 0 });
    expect(failing({ lines: refused })).toContain("C4");
  });
  test("two versions the wrong way round in one partition", () => {
    const [first, second] = lines.filter(isSold).toSorted((a, b) => a.offset - b.offset);
    if (first === undefined || second === undefined) throw new Error("the recorded run has none");
    const once = changed(lines, first, { version: second.version });
    expect(failing({ lines: changed(once, second, { version: first.version }) })).toContain("C4");
  });
});

test("C5: a command that was decided before one that had been acknowledged before it was sent", () => {
  const ofOne = lines.filter(isSold).toSorted((a, b) => a.offset - b.offset);
  const [early, late] = [ofOne[0], ofOne.at(-1)];
  const earlier = found(commands, ({ id }) => id === early?.command_id);
  const later = found(commands, ({ id }) => id === late?.command_id);
  const swapped = changed(commands, earlier, {
    firstSentAt: (later.ackedAt ?? 0) + 1,
    ackedAt: (later.ackedAt ?? 0) + 2,
  });
  expect(failing({ commands: swapped })).toEqual(["C5"]);
});

describe("C6 to C12", () => {
  test("C6: Redis that differs for too long, or for as long as was looked", () => {
    expect(failing({ redisEqualAfterMs: bounds.redisEqualMs + 1 })).toEqual(["C6"]);
    expect(failing({ redisEqualAfterMs: null, redisDifferences: ["chaos-17: 1 in Redis, 2 in PostgreSQL"] })).toEqual([
      "C6",
    ]);
  });
  test("C7: a log that is decided too late, or not to its end", () => {
    expect(failing({ decidedAt: recorded.healedAt + bounds.progressMs + 1 })).toEqual(["C7"]);
    expect(failing({ decidedAt: null })).toEqual(["C7"]);
    expect(failing({ growth: { partition_count: 6, to_count: 12 } })).toEqual(["C7"]);
    expect(failing({ logEnds: recorded.logEnds.map((end) => end + (end > 0 ? 1_000_000 : 0)) })).toEqual(["C7"]);
  });
  test("C8: a process that ended by itself, or not with 0 when it was asked to", () => {
    const life = { member: "api-1", bornAt: 1, endedAt: 2, wasReady: true, errors: "why" };
    expect(failing({ endings: [{ ...life, how: "1", by: "itself" }] })).toEqual(["C8"]);
    expect(failing({ endings: [{ ...life, how: "SIGKILL", by: "asked" }] })).toEqual(["C8"]);
    expect(failing({ endings: [{ ...life, how: "SIGKILL", by: "killed" }] })).toEqual([]);
    expect(failing({ endings: [{ ...life, how: "SIGTERM", by: "asked" }] })).toEqual(["C8"]);
    expect(failing({ endings: [{ ...life, how: "SIGTERM", by: "asked", wasReady: false }] })).toEqual([]);
    // A start may be given up for a service that is away, and for nothing else.
    const start = { ...life, wasReady: false, by: "itself" } as const;
    const faults = [{ kind: "kafka killed", from: 0, to: 10 }];
    expect(failing({ endings: [{ ...start, how: "1" }], faults })).toEqual([]);
    expect(failing({ endings: [{ ...start, how: "1" }], faults: [] })).toEqual(["C8"]);
    expect(failing({ endings: [{ ...start, how: "3" }], faults })).toEqual(["C8"]);
  });
  test("C9: memory that grows, after the warm-up, in a life that is long enough", () => {
    const life = (grows: (minute: number) => number) => ({
      member: "api-1",
      bornAt: 0,
      samples: Array.from({ length: 100 }, (_, n) => ({ at: n * 10_000, bytes: 2 ** 27 * grows(n / 6) })),
    });
    expect(failing({ memory: [life(() => 1)] })).toEqual([]);
    expect(failing({ memory: [life((minute) => 1 + minute / 10)] })).toEqual(["C9"]);
    expect(failing({ memory: [life((minute) => (minute < 1 ? 0.5 : 1))] })).toEqual([]);
  });
  test("C10: differences that tallyman audit finds", () => {
    expect(failing({ secondOpinion: { code: 1, output: "A7 chaos-17 …" } })).toEqual(["C10"]);
  });
  test("C11: fewer decisions than make a run", () => {
    const isEnough = (count: number): boolean =>
      judge({ ...recorded, lines: Array.from({ length: count }, () => sold) }).find(({ number }) => number === "C11")
        ?.complaints.length === 0;
    expect([isEnough(bounds.decisionsMin - 1), isEnough(bounds.decisionsMin)]).toEqual([false, true]);
  });
  test("C12: an answer that is not documented, a command that is never acknowledged, a 404 after an acknowledgement", () => {
    expect(failing({ surprises: ["order x: 500 {}"] })).toEqual(["C12"]);
    expect(failing({ commands: changed(commands, ackedOrder, { ackedAt: null, place: null }) })).toEqual(["C12"]);
    const { id, ackedAt } = ackedOrder;
    const told = { kind: "order", id, status: "unknown", reason: null, stockAfter: null, version: null } as const;
    const at = ackedAt ?? 0;
    expect(failing({ tellings: [...tellings, { ...told, askedAt: at + 1, toldAt: at + 2 }] })).toEqual(["C12"]);
    expect(failing({ tellings: [...tellings, { ...told, askedAt: at - 1, toldAt: at + 2 }] })).toEqual([]);
  });
  test("C12: an order or a product that reads otherwise than it is stored", () => {
    const order = found(recorded.finalOrders, ({ id }) => id === sold.command_id);
    expect(failing({ finalOrders: without(recorded.finalOrders, order) })).toEqual(["C12"]);
    expect(failing({ finalOrders: changed(recorded.finalOrders, order, { status: "pending" }) })).toEqual(["C12"]);
    expect(failing({ finalProducts: recorded.finalProducts.map((each) => ({ ...each, quantity: -1 })) })).toEqual([
      "C12",
    ]);
  });
});
