/** The log against the ledger: what is no difference, however odd it looks; and what only these eyes see. */
import { describe, expect, it } from "vitest";
import type { AuditDeps } from "../../src/audit/audit.ts";
import { letterOfRecord } from "../../src/processors/letters.ts";
import { cancelOrder, placeOrder, receiveStock, resumeProduct, uuidOf } from "../support/commands.ts";
import { auditHistory, historyOf } from "./audit-history.ts";
import type { History, Sent } from "./audit-history.ts";

const delivery = receiveStock();
const order = placeOrder({ commandId: uuidOf(1) });
const at = (partition: number, ...commands: Sent["what"][]): Sent[] => commands.map((what) => ({ partition, what }));

async function kinds(history: History, overrides: Partial<AuditDeps> = {}): Promise<string[]> {
  const { findings } = await auditHistory(history, overrides);
  return findings.differences.map(({ kind }) => kind);
}

describe("no differences:", () => {
  it("a log that was trimmed; what is left is compared", async () => {
    const history = historyOf(at(0, delivery, order, "garbage", placeOrder({ commandId: uuidOf(5) })), 1);
    const inspector = { ends: () => Promise.resolve(new Map([[0, { low: 3, high: 4 }]])) };
    const report = await auditHistory(history, { inspector });
    expect(report.findings.differences).toEqual([]);
    expect(report.log).toMatchObject({ records: 1, lines: 3, kept: 1, trimmed: 3 });
    history.lines.delete(uuidOf(5));
    expect(await kinds(history, { inspector })).toContain("A1");
  });

  it("a dead letter of a log that was exchanged, moved below offset 0; a line there is one", async () => {
    const history = historyOf(at(0, "garbage", delivery), 1);
    const [letter] = history.letters;
    if (letter === undefined) throw new Error("the garbage is kept");
    history.letters.push({ ...letter, letterId: 0, offset: -1 });
    const report = await auditHistory(history);
    expect([report.findings.differences, report.log.trimmed]).toEqual([[], 1]);
    const line = history.lines.get(delivery.commandId);
    if (line === undefined) throw new Error("the delivery is decided");
    history.lines.set(delivery.commandId, { ...line, offset: -1 });
    expect(await kinds(history)).toEqual(["A2"]);
  });

  it("a log that is trimmed while it is read", async () => {
    const history = historyOf(at(0, delivery, order, placeOrder({ commandId: uuidOf(5) })), 1);
    const late: AuditDeps["reader"] = {
      async *read() {
        const value = Buffer.from("0/2");
        yield await Promise.resolve({
          partition: 0,
          from: 2,
          to: 3,
          records: [{ offset: 2, key: value, value, headers: {} }],
        });
      },
    };
    const report = await auditHistory(history, { reader: late });
    expect([report.findings.differences, report.log.trimmed]).toEqual([[], 2]);
  });

  it("what lies above next_offset, while the system runs", async () => {
    const history = historyOf(at(0, delivery, order), 1);
    const inspector = {
      ends: () =>
        Promise.resolve(
          new Map([
            [0, { low: 0, high: 9 }],
            [1, { low: 0, high: 4 }],
          ]),
        ),
    };
    const report = await auditHistory(history, { inspector }, {}, { atRest: false });
    expect([report.findings.differences, report.undecided]).toEqual([[], 11]);
    expect(await kinds(history, { inspector })).toEqual(["A18", "A18"]);
  });

  it("an order that moved to its record behind another of its id, with another product", async () => {
    const cancel = cancelOrder({ commandId: uuidOf(2), orderId: uuidOf(1) });
    const sent = at(0, delivery, cancel, { ...order, productId: "p2" }, order);
    expect(await kinds(historyOf(sent, 1))).toEqual([]);
  });

  it("a command that waits, and one that waited and was resumed, behind which one of its own group stands", async () => {
    const [refused, ...rest] = [
      order,
      placeOrder({ commandId: uuidOf(5) }),
      placeOrder({ commandId: uuidOf(6), quantity: 2 }),
    ];
    const parks: Sent[] = [...at(0, delivery), { partition: 0, what: refused, refused: true }, ...at(0, ...rest)];
    const waiting = historyOf(parks, 1);
    expect(waiting.letters.map(({ kind, outcome }) => [kind, outcome])).toEqual([
      ["refused", null],
      ["waiting", null],
      ["waiting", null],
    ]);
    expect(await kinds(waiting)).toEqual([]);
    // The last group brings a repeat of what waits, a new order and the resume.
    const last = placeOrder({ commandId: uuidOf(7) });
    const resumed = historyOf(
      [...parks, ...at(0, order, last, resumeProduct({ commandId: uuidOf(8) }))],
      1,
      [1, 1, 1, 1, 9],
    );
    expect(resumed.letters.map(({ outcome }) => outcome)).toEqual(["resumed", "resumed", "resumed"]);
    expect([...resumed.lines.values()].map(({ offset }) => offset)).toEqual([0, 6, 6, 6, 5, 6]);
    const { findings, log } = await auditHistory(resumed);
    expect([findings.differences, log.repeats]).toEqual([[], 1]);
  });

  it("a resume that leaves some waiting, in a group with what came before it", async () => {
    const [waiting, own] = [placeOrder({ commandId: uuidOf(5) }), placeOrder({ commandId: uuidOf(6) })];
    const parks: Sent[] = [...at(0, delivery), { partition: 0, what: order, refused: true }, ...at(0, waiting)];
    const resumes = [resumeProduct({ commandId: uuidOf(8), commandsMax: 1 }), resumeProduct({ commandId: uuidOf(9) })];
    const history = historyOf([...parks, ...at(0, own, ...resumes)], 1, [1, 1, 1, 9]);
    // Decided after the first resume, and it stands in front of it.
    expect([history.lines.get(uuidOf(6))?.version, history.lines.get(uuidOf(6))?.offset]).toEqual([4, 3]);
    expect([history.lines.get(uuidOf(8))?.version, history.lines.get(uuidOf(8))?.offset]).toEqual([2, 4]);
    expect(await kinds(history)).toEqual([]);
  });

  it("an order that waited in its ResumeProduct's own group, while another product's order took its id", async () => {
    const other = { ...order, productId: "p2" };
    const stock = at(0, delivery, receiveStock({ commandId: uuidOf(9), productId: "p2" }));
    const parks: Sent = { partition: 0, what: placeOrder({ commandId: uuidOf(7), productId: "p2" }), refused: true };
    const resume = resumeProduct({ commandId: uuidOf(8), productId: "p2" });
    for (const resumedIn of [0, 1]) {
      // The last group brings both orders and the resume; the resume may be in another partition, where a producer strews.
      const sent = [...stock, parks, ...at(0, other, order), ...at(resumedIn, resume)];
      const history = historyOf(sent, 2, [1, 1, 1, 9]);
      expect(history.letters.map(({ commandId }) => commandId)).toEqual([uuidOf(7)]);
      expect(history.lines.get(uuidOf(1))).toMatchObject({ productId: "p1", offset: 4 });
      const { findings, log } = await auditHistory(history);
      expect([findings.differences, log.repeats]).toEqual([[], 1]);
    }
    // Where the resume comes before the other order, the first one is decided there.
    const history = historyOf([...stock, parks, ...at(0, other, resume, order)], 1, [1, 1, 1, 9]);
    expect([history.lines.get(uuidOf(1))?.productId, await kinds(history)]).toEqual(["p2", []]);
    const line = historyOf(at(0, delivery, order), 1).lines.get(uuidOf(1));
    if (line === undefined) throw new Error("the order is decided");
    history.lines.set(uuidOf(1), { ...line, offset: 5 });
    expect(await kinds(history)).toContain("A4");
    // Two records of the product that waits are no matter of waiting.
    const twice = placeOrder({ commandId: uuidOf(5), productId: "p2" });
    const both = historyOf([...stock, parks, ...at(0, other, order, twice, twice, resume)], 1, [1, 1, 1, 9]);
    expect(await kinds(both)).toEqual([]);
    const decided = both.lines.get(uuidOf(5));
    if (decided === undefined) throw new Error("it is decided");
    both.lines.set(uuidOf(5), { ...decided, offset: decided.offset + 1 });
    expect(await kinds(both)).toEqual(["A4"]);
  });

  it("an order that waited behind another command of its id, both behind its cancel", async () => {
    const cancel = cancelOrder({ commandId: uuidOf(2), orderId: uuidOf(1) });
    const parks: Sent[] = [
      ...at(0, delivery),
      { partition: 0, what: placeOrder({ commandId: uuidOf(7) }), refused: true },
    ];
    const waits = at(0, cancel, receiveStock({ commandId: uuidOf(1) }), order, resumeProduct({ commandId: uuidOf(8) }));
    const history = historyOf([...parks, ...waits], 1);
    expect(history.lines.get(uuidOf(1))).toMatchObject({ type: "PlaceOrder", revision: 2, offset: 5 });
    expect(await kinds(history)).toEqual([]);
  });
});

describe("what was resumed", () => {
  const parks: Sent[] = [
    ...at(0, delivery),
    { partition: 0, what: order, refused: true },
    ...at(
      0,
      placeOrder({ commandId: uuidOf(5), quantity: 2 }),
      cancelOrder({ commandId: uuidOf(6), orderId: uuidOf(9) }),
    ),
    ...at(0, resumeProduct({ commandId: uuidOf(8) })),
  ];
  const changed = async (change: (history: History) => void): Promise<string[]> => {
    const history = historyOf(parks, 1);
    change(history);
    return kinds(history);
  };
  const lineOf = (history: History, number: number) => {
    const line = history.lines.get(uuidOf(number));
    if (line === undefined) throw new Error("it is decided");
    return line;
  };

  it("is right as the decider decides it", async () => {
    expect(await changed(() => undefined)).toEqual([]);
  });

  it("has a line, whose content is what waited", async () => {
    expect(await changed(({ lines }) => lines.delete(uuidOf(6)))).toContain("A1");
    expect(
      await changed((history) => history.lines.set(uuidOf(5), { ...lineOf(history, 5), customerId: "eve" })),
    ).toEqual(["A3"]);
    // The order that has not come, beside the cancel that waited.
    expect(await changed((history) => history.lines.set(uuidOf(9), { ...lineOf(history, 9), issuedAt: 1 }))).toEqual([
      "A3",
    ]);
  });

  it("had waited", async () => {
    expect(await changed(({ letters }) => letters.splice(1, 1))).toEqual(expect.arrayContaining(["A2"]));
  });

  it("is no more than the resume says", async () => {
    expect(await changed((history) => history.lines.set(uuidOf(8), { ...lineOf(history, 8), quantity: 2 }))).toEqual([
      "A19",
    ]);
  });

  it("was decided in the order in which it came", async () => {
    const swap = ({ letters }: History): void => {
      const [first, second] = letters;
      if (first === undefined || second === undefined) throw new Error("they waited");
      [first.letterId, second.letterId] = [second.letterId, first.letterId];
    };
    expect(await changed(swap)).toEqual(["A19"]);
  });
});

describe("differences:", () => {
  it("the later of two records with one id was decided", async () => {
    const history = historyOf(at(0, delivery, order, order), 1);
    const line = history.lines.get(uuidOf(1));
    if (line === undefined) throw new Error("the order is decided");
    history.lines.set(uuidOf(1), { ...line, offset: 2 });
    expect(await kinds(history)).toEqual(["A4"]);
    const letter = letterOfRecord(0, { offset: 1, key: null, value: null, headers: {} }, "x");
    const kept = historyOf(at(0, delivery, order), 1);
    kept.letters.push({ ...letter, kind: "waiting", commandId: uuidOf(1), letterId: 1, outcome: null });
    expect(await kinds(kept)).toContain("A4");
    // In another partition nobody knows which came first.
    const strewn = historyOf([...at(0, delivery, order), ...at(1, "marker", "marker", order)], 2);
    strewn.lines.set(uuidOf(1), { ...line, partition: 1, offset: 2 });
    expect(await kinds(strewn)).toEqual([]);
  });

  it("a row where a marker stands, at the end of what is decided too; and one where another order was cancelled", async () => {
    const history = historyOf(at(0, delivery, "marker"), 1);
    const line = history.lines.get(delivery.commandId);
    if (line === undefined) throw new Error("the delivery is decided");
    const refusal = { ...line, status: "rejected", reason: "quantity_out_of_range", quantity: -1, delta: 0 } as const;
    history.lines.set(uuidOf(9), { ...refusal, commandId: uuidOf(9), offset: 1 });
    const { findings } = await auditHistory(history);
    expect(findings.differences.map(({ kind, says }) => `${kind} ${says}`)).toEqual([
      "A2 a line without a record: the log has no record there",
    ]);
    const cancelled = historyOf(at(0, delivery, cancelOrder({ commandId: uuidOf(2), orderId: uuidOf(1) })), 1);
    const tombstone = cancelled.lines.get(uuidOf(1));
    if (tombstone === undefined) throw new Error("the order is cancelled");
    cancelled.lines.set(uuidOf(9), { ...tombstone, commandId: uuidOf(9) });
    expect(await kinds(cancelled)).toEqual(["A2", "A10"]);
  });

  it("stock of a product without lines, wherever it stands", async () => {
    const history = historyOf(at(0, delivery), 1);
    for (const productId of ["a", "z"]) history.stock.set(productId, { quantity: 1, version: 1 });
    expect(await kinds(history)).toEqual(["A11", "A11"]);
  });

  it("what is decided and not told yet, at rest", async () => {
    const history = historyOf(at(0, delivery), 1);
    history.partitions[0] = { partition: 0, epoch: 1, nextOffset: 1, effectsOffset: 0 };
    expect(await kinds(history)).toEqual(["A18"]);
    const report = await auditHistory(history, {}, {}, { atRest: false });
    expect([report.findings.total, report.untold]).toEqual([0, 1]);
  });

  it("an order that moved past the record that should have been it", async () => {
    const cancel = cancelOrder({ commandId: uuidOf(2), orderId: uuidOf(1) });
    const history = historyOf(at(0, delivery, cancel, order, order), 1);
    const line = history.lines.get(uuidOf(1));
    if (line === undefined) throw new Error("the order is cancelled");
    expect([line.offset, await kinds(history)]).toEqual([2, []]);
    history.lines.set(uuidOf(1), { ...line, offset: 3 });
    expect(await kinds(history)).toEqual(["A4"]);
    // One that was not cancelled moves past nothing, whatever product the other one names.
    const reused = historyOf(at(0, delivery, { ...order, productId: "p2" }, order), 1);
    reused.lines.set(uuidOf(1), { ...line, status: "accepted", reason: null, offset: 2 });
    expect(await kinds(reused)).toContain("A4");
  });

  it("an order that has not come, beside a cancel that was refused", async () => {
    const cancels = [2, 3].map((number) => cancelOrder({ commandId: uuidOf(number), orderId: uuidOf(1) }));
    const history = historyOf(at(0, delivery, ...cancels), 1);
    const line = history.lines.get(uuidOf(1));
    if (line === undefined) throw new Error("the order is cancelled");
    history.lines.set(uuidOf(1), { ...line, offset: 2 });
    expect(await kinds(history)).toEqual(["A2"]);
  });

  it("a dead letter that keeps the beginning of a value says how long it is", async () => {
    const history = historyOf(at(0, "garbage"), 1);
    const [letter] = history.letters;
    if (letter?.value === null || letter === undefined) throw new Error("the garbage is kept");
    history.letters[0] = { ...letter, value: letter.value.subarray(0, 2) };
    expect(await kinds(history)).toEqual([]);
    history.letters[0] = { ...letter, value: letter.value.subarray(0, 2), valueBytes: 2 };
    expect(await kinds(history)).toEqual(["A3"]);
  });

  it("a log that begins above what is decided, or ends below it, or is told beyond it", async () => {
    const history = historyOf(at(0, delivery, order), 1);
    const ends = (low: number, high: number) => ({
      inspector: { ends: () => Promise.resolve(new Map([[0, { low, high }]])) },
    });
    expect(await kinds(history, ends(3, 5))).toEqual(["A12", "A18"]);
    expect(await kinds(history, ends(0, 1))).toEqual(["A12", "A2"]);
    history.partitions[0] = { partition: 0, epoch: 1, nextOffset: 2, effectsOffset: 3 };
    expect(await kinds(history)).toEqual(["A12"]);
  });

  it("a record that can't be read any more", async () => {
    const history = historyOf(at(0, delivery, order), 1);
    const codec: AuditDeps["codec"] = {
      learn: () => Promise.resolve(),
      decode: () => ({ kind: "undecodable", reason: "unknown_schema_id" }),
    };
    expect(await kinds(history, { codec })).toEqual(["A5", "A5"]);
  });

  it("are kept up to a bound, and counted beyond it", async () => {
    const history = historyOf(at(0, delivery, order), 1);
    history.lines.clear();
    const { findings } = await auditHistory(history, {}, {}, { shownMax: 1 });
    expect([findings.differences.length, findings.total, findings.counts.get("A1")]).toEqual([1, 3, 2]);
  });
});

describe("a stop that is asked for", () => {
  it("ends the audit with its reason", async () => {
    const history = historyOf(at(0, delivery, order), 1);
    await expect(auditHistory(history, {}, {}, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
  });
});
