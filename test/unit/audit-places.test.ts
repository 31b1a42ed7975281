/** The log against the ledger: what is no difference, however odd it looks; and what only these eyes see. */
import { describe, expect, it } from "vitest";
import type { AuditDeps } from "../../src/audit/audit.ts";
import { cancelOrder, placeOrder, receiveStock, uuidOf } from "../support/commands.ts";
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

  it("a command that was kept, and one that was kept and resumed", async () => {
    const history = historyOf(at(0, delivery, order, placeOrder({ commandId: uuidOf(5) })), 1);
    const letter = { partition: 0, offset: 1, kind: "waiting", commandId: uuidOf(1), key: null, value: null };
    history.kept.push({ ...letter, outcome: "resumed" });
    expect(await kinds(history)).toEqual([]);
    history.kept[0] = { ...letter, outcome: null };
    expect(await kinds(history)).toEqual(["A4"]);
    history.kept[0] = { ...letter, outcome: "resumed", commandId: uuidOf(4) };
    expect(await kinds(history)).toEqual(["A3"]);
  });
});

describe("differences:", () => {
  it("the later of two records with one id was decided", async () => {
    const history = historyOf(at(0, delivery, order, order), 1);
    const line = history.lines.get(uuidOf(1));
    if (line === undefined) throw new Error("the order is decided");
    history.lines.set(uuidOf(1), { ...line, offset: 2 });
    expect(await kinds(history)).toEqual(["A4"]);
    // In another partition nobody knows which came first.
    const strewn = historyOf([...at(0, delivery, order), ...at(1, "marker", "marker", order)], 2);
    strewn.lines.set(uuidOf(1), { ...line, partition: 1, offset: 2 });
    expect(await kinds(strewn)).toEqual([]);
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
