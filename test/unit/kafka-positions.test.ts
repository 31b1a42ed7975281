import { beforeEach, describe, expect, test } from "vitest";
import { Positions } from "../../src/log/kafka/positions.ts";

describe("Positions", () => {
  let positions: Positions;
  beforeEach(() => {
    positions = new Positions();
    positions.assign([0, 1]);
  });

  test("nothing is handed on before the first seek (I1)", () => {
    expect(positions.judge(0, 0, 10)).toBe("drop");
    positions.seek(0, 10);
    expect(positions.judge(1, 0, 10)).toBe("drop");
    expect(positions.judge(0, 10, 20)).toBe("deliver");
  });

  test("an assignment forgets every seek of the one before (kafkajs hazard 8)", () => {
    positions.seek(0, 10);
    positions.assign([0]);
    expect(positions.judge(0, 10, 20)).toBe("drop");
    expect(positions.isAssigned(0)).toBe(true);
    expect(positions.isAssigned(1)).toBe(false);
  });

  test("ranges follow one another (I2)", () => {
    positions.seek(0, 10);
    expect(positions.judge(0, 10, 20)).toBe("deliver");
    expect(positions.judge(0, 20, 25)).toBe("deliver");
    expect(positions.next(0)).toBe(25);
  });

  test.each([
    ["before", 5],
    ["behind", 30],
  ])(
    "a range that starts %s where was sought is dropped once (I2), and handed on the second time (I3)",
    (_where, from) => {
      positions.seek(0, 10);
      expect(positions.judge(0, from, from + 5)).toBe("seek_again");
      expect(positions.next(0)).toBe(10);
      expect(positions.judge(0, from, from + 5)).toBe("deliver");
      expect(positions.next(0)).toBe(from + 5);
    },
  );

  test("a stray is forgiven when the right range comes", () => {
    positions.seek(0, 10);
    expect(positions.judge(0, 30, 35)).toBe("seek_again");
    expect(positions.judge(0, 10, 20)).toBe("deliver");
    expect(positions.judge(0, 30, 35)).toBe("seek_again");
  });

  test("a seek forgives as well", () => {
    positions.seek(0, 10);
    expect(positions.judge(0, 30, 35)).toBe("seek_again");
    positions.seek(0, 12);
    expect(positions.judge(0, 30, 35)).toBe("seek_again");
  });
});
