// What follows from the figures of a race: each exit code, and each fault that one can have.
import { describe, expect, test } from "vitest";
import { type Figures, oversold, undecided, verdict } from "../../bench/race/verdict.ts";

const right: Figures = {
  stocked: 1_000,
  sent: 3_000,
  accepted: 1_000,
  refused: 2_000,
  sold: 1_000,
  left: 0,
  cached: 0,
  ordersPerSecond: 1,
  problems: [],
};
/** As it was measured of the shop as its author wrote it. */
const wrong: Figures = { ...right, accepted: 2_102, refused: 898, sold: 2_102, left: 959, cached: 959 };

describe("figures", () => {
  test("oversold is what is sold or for sale beyond the stock, and below 0 what got lost", () => {
    expect([right, wrong, { ...right, left: 3 }, { ...right, sold: 990 }].map(oversold)).toEqual([0, 2_061, 3, -10]);
  });

  test("undecided are the orders that are neither accepted nor refused", () => {
    expect([right, wrong, { ...right, refused: 1_999 }].map(undecided)).toEqual([0, 0, 1]);
  });
});

describe("exit code 0", () => {
  test("Tallyman is right, and the other one sold too much", () => {
    expect(verdict(wrong, right)).toEqual({ exitCode: 0, reasons: [] });
  });

  test("or the other one lost units", () => {
    expect(verdict({ ...right, left: 0, sold: 999, accepted: 999, refused: 2_001 }, right).exitCode).toBe(0);
  });

  test("not all units need to be sold", () => {
    const few = { ...right, sent: 10, accepted: 10, refused: 0, sold: 10, left: 990, cached: 990 };
    expect(verdict(wrong, few)).toEqual({ exitCode: 0, reasons: [] });
  });
});

describe("exit code 1: Tallyman", () => {
  const books = { accepted: 1_001, refused: 1_999, sold: 1_001 };
  test.each<[string, Partial<Figures>, string]>([
    ["oversold", books, "1 units are oversold: 1001 sold and 0 left of 1000."],
    ["lost a unit", { ...books, accepted: 999, refused: 2_001, sold: 999 }, "1 units are lost: 999 sold and 0 left"],
    ["left an order undecided", { refused: 1_999 }, "1 orders have no decision that their callers could know."],
    ["stored more than it told", { accepted: 999, refused: 2_001 }, "999 orders for one unit are accepted, and 1000"],
    [
      "refused while there was some",
      { accepted: 999, refused: 2_001, sold: 999, left: 1, cached: 1 },
      "2001 orders are refused, and 1 units left.",
    ],
    ["has another number in Redis", { cached: 7 }, "Redis says that 7 are left, and PostgreSQL 0."],
    ["has none in Redis", { cached: null }, "Redis says that nobody knows how many are left, and PostgreSQL 0."],
    ["has books that don't add up", { problems: ["The ledger's sum is not the stock."] }, "The ledger's sum is not"],
  ])("%s", (_, change, reason) => {
    const { exitCode, reasons } = verdict(wrong, { ...right, ...change });
    expect(exitCode).toBe(1);
    expect(reasons).toEqual([expect.stringContaining(`Tallyman: ${reason}`)]);
  });

  test("every fault is told, also when the other one lost nothing", () => {
    const { exitCode, reasons } = verdict(right, { ...right, sold: 1_001, cached: 3 });
    expect(exitCode).toBe(1);
    expect(reasons).toHaveLength(3);
  });
});

describe("exit code 2: nothing is shown when the other one", () => {
  test("lost nothing", () => {
    const { exitCode, reasons } = verdict(right, right);
    expect(exitCode).toBe(2);
    expect(reasons).toEqual([expect.stringContaining("lost nothing")]);
  });

  test("left orders without an answer, whatever it sold", () => {
    const { exitCode, reasons } = verdict({ ...wrong, refused: 890 }, right);
    expect(exitCode).toBe(2);
    expect(reasons).toEqual([expect.stringContaining("8 orders without an answer")]);
  });
});
