import { describe, expect, it } from "vitest";
import { oldestUndecided, topologyLines, topologyRows } from "../../src/command-line/topology-rows.ts";
import type { Found } from "../../src/command-line/topology-rows.ts";
import type { PartitionRow } from "../../src/stores/topology-store.ts";

const row = (partition: number, fields: Partial<PartitionRow> = {}): PartitionRow => ({
  partition,
  owner: "a",
  epoch: 7,
  claimedAt: 1_000,
  released: false,
  awaitedBy: null,
  nextOffset: 10,
  effectsOffset: 10,
  lastDecisionAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  fencedCommits: 0,
  ...fields,
});
const endsOf = (...ends: [low: number, high: number][]) =>
  new Map(ends.map(([low, high], partition) => [partition, { low, high }]));
const found = (fields: Partial<Found>): Found => ({ rows: [row(0)], ends: endsOf([0, 10]), members: null, ...fields });
const statesOf = (of: Found): string[] => topologyRows(of, new Map(), 0).map(({ state }) => state);

describe("the state of a partition", () => {
  it.each([
    ["owned", found({})],
    ["owned", found({ members: new Set(["a", "b"]) })],
    ["gone", found({ members: new Set(["b"]) })],
    ["gone", found({ rows: [row(0, { awaitedBy: "b" })], members: new Set(["b"]) })],
    ["draining", found({ rows: [row(0, { awaitedBy: "b" })], members: new Set(["a", "b"]) })],
    ["released", found({ rows: [row(0, { released: true })], members: new Set() })],
    ["unclaimed", found({ rows: [] })],
    ["halted", found({ ends: endsOf([0, 9]) })],
    ["halted", found({ ends: endsOf([11, 12]), rows: [row(0, { released: true })] })],
    ["no log", found({ ends: new Map() })],
    ["owned", found({ ends: null })],
  ])("is %s", (state, of) => {
    expect(statesOf(of)).toEqual([state]);
  });
});

describe("lag", () => {
  const of = found({
    rows: [row(0), row(1), row(3, { nextOffset: 2 })],
    ends: endsOf([0, 10], [0, 14], [3, 9], [5, 8]),
  });

  it("is looked for where something is undecided, at the first of it that the log has", () => {
    expect(oldestUndecided(of)).toEqual(new Map([[1, 10], [2, 3], [3, 5]])); // prettier-ignore
    expect(oldestUndecided(found({ ends: null }))).toEqual(new Map());
  });

  it("is in records and in seconds, by the log's time; never negative; unknown is not zero", () => {
    const times = new Map([[1, 8_500], [2, 11_000]]); // prettier-ignore
    const lags = topologyRows(of, times, 10_000).map(({ lagRecords, lagSeconds }) => [lagRecords, lagSeconds]);
    expect(lags).toEqual([[0, 0], [4, 1.5], [6, 0], [3, null]]); // prettier-ignore
    expect(topologyRows(found({ ends: null }), new Map(), 0)).toMatchObject([{ lagRecords: null, lagSeconds: null }]);
  });
});

describe("as text", () => {
  it("is a table, and says what is odd", () => {
    const rows = topologyRows(
      {
        rows: [
          row(0, { fencedCommits: 12 }),
          row(1, { released: true, owner: "processor-b" }),
          row(2, { awaitedBy: "b" }),
        ],
        ends: endsOf([0, 10], [0, 14], [0, 10], [0, 0]),
        members: null,
      },
      new Map(),
      10_000,
    );
    expect([...topologyLines(rows)]).toEqual([
      "partition  instance     epoch  state      next offset  lag  lag s  last decision             fenced",
      "        0  a                7  owned               10    0    0.0  2026-01-02T03:04:05.678Z      12",
      "        1  processor-b      7  released            10    4      ?  2026-01-02T03:04:05.678Z       0",
      "        2  a                7  draining            10    0    0.0  2026-01-02T03:04:05.678Z       0",
      "        3  -                0  unclaimed            0    0    0.0  -                              0",
      "Partition 2: b waits until a lets go of it, a moment at most.",
      "unclaimed: 3. No processor has had it yet.",
      "released: 1. Its owner has stopped, and nobody has it now.",
    ]);
  });
});
