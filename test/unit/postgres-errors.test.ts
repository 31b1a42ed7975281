import pg from "pg";
import { describe, expect, it } from "vitest";
import { CommitRefused, DataRefused, StoreUnavailable } from "../../src/stores/ledger-store.ts";
import { storeError } from "../../src/stores/postgres/errors.ts";

function answered(code: string, constraint?: string): unknown {
  const error = new pg.DatabaseError("message", 7, "error");
  error.code = code;
  error.constraint = constraint;
  return storeError(error);
}

describe("what an answer of PostgreSQL means", () => {
  it.each(["22P05", "22003", "23514", "23505", "23502", "54000", "P0001", "P0004"])(
    "%s: the data is refused",
    (code) => {
      expect(answered(code, "some_check")).toBeInstanceOf(DataRefused);
      expect(answered(code, "some_check")).toMatchObject({ code });
    },
  );

  it.each(["08006", "40001", "40P01", "53300", "55P03", "57014", "57P01", "58030", "25P02", "25P03", "25P04"])(
    "%s: not now",
    (code) => {
      expect(answered(code)).toBeInstanceOf(StoreUnavailable);
    },
  );

  it("one of commit_group's own checks", () => {
    const because = (code: string, constraint?: string) => {
      const error = answered(code, constraint);
      return error instanceof CommitRefused ? error.because : error;
    };
    expect(["TM001", "TM002", "TM003"].map((code) => because(code))).toEqual(["fenced", "fenced", "stale"]);
    expect(because("23505", "ledger_pkey")).toBe("duplicate");
  });

  it("what is nobody's data and no outage stays as it is, for it must not park a product", () => {
    for (const code of ["42883", "42P01", "XX000"]) expect(answered(code)).toBeInstanceOf(pg.DatabaseError);
  });
});
