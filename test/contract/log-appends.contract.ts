import { describe, expect, test } from "vitest";
import { LogUnavailable } from "../../src/log/log.ts";
import type { AppendRecord } from "../../src/log/log.ts";
import { join, numbers, record } from "./log-world.ts";
import type { MakeLogWorld } from "./log-world.ts";

export function describeLogAppends(makeWorld: MakeLogWorld): void {
  describe("what is appended", () => {
    test("gets one offset for each record, in the order given, each partition from where it ended", async () => {
      await using world = await makeWorld(3);
      const { appender } = world;
      expect(await appender.append([record(0, "a"), record(1, "b"), record(0, "c")])).toEqual([0, 0, 1]);
      expect(await appender.append([record(1, "d"), record(0, "e"), record(2, "f"), record(0, "g")])).toEqual([1, 2, 0, 3]); // prettier-ignore
      const reader = await join(world, "a");
      await world.until("all is read", () => reader.reached(0) === 4 && reader.reached(1) === 2);
      expect([reader.values(0), reader.values(1)]).toEqual([["a", "c", "e", "g"], ["b", "d"]]); // prettier-ignore
    });

    test("may be nothing", async () => {
      await using world = await makeWorld(1);
      expect(await world.appender.append([])).toEqual([]);
      expect(await world.appender.append([record(0, "a")])).toEqual([0]);
    });

    test("comes back as it was given: keys, values and headers that mean nothing, and none at all", async () => {
      await using world = await makeWorld(1);
      const bytes = Buffer.from([0, 255, 254, 0, 1]);
      const given: AppendRecord[] = [
        { partition: 0, key: null, value: null },
        { partition: 0, key: "ключ", value: bytes, headers: { one: "ü", two: bytes, several: ["1", bytes] } },
        { partition: 0, key: bytes, value: Buffer.alloc(0), headers: {} },
        { partition: 0, key: "", value: Buffer.from("{") },
      ];
      await world.appender.append(given);
      const reader = await join(world, "a");
      await world.until("all is read", () => reader.reached(0) === given.length);
      expect(reader.ranges.flatMap(({ records }) => records.map((each) => ({ ...each })))).toEqual([
        { offset: 0, key: null, value: null, headers: {} },
        { offset: 1, key: Buffer.from("ключ"), value: bytes, headers: { one: Buffer.from("ü"), two: bytes, several: [Buffer.from("1"), bytes] } }, // prettier-ignore
        { offset: 2, key: bytes, value: Buffer.alloc(0), headers: {} },
        { offset: 3, key: Buffer.alloc(0), value: Buffer.from("{"), headers: {} },
      ]);
    });

    test("is read, each record at its offset, by who reads already and by who comes later", async () => {
      await using world = await makeWorld(1);
      const before = await join(world, "a");
      const offsets = [
        ...(await world.appender.append(numbers(0, 3))),
        ...(await world.appender.append(numbers(0, 20, 3))),
      ];
      await world.until("it is read", () => before.reached(0) === 23);
      await before.source.stop();
      const after = await join(world, "b");
      await world.until("it is read again", () => after.reached(0) === 23);
      for (const reader of [before, after]) {
        const records = reader.ranges.flatMap((range) => range.records);
        expect(records.map(({ offset }) => offset)).toEqual(offsets);
        expect(records.map(({ value }) => String(value))).toEqual(numbers(0, 23).map(({ value }) => String(value)));
      }
    });

    test("is in flight alone: a second append is refused before anything of it is sent (P18)", async () => {
      await using world = await makeWorld(1);
      const first = world.appender.append([record(0, "a")]);
      await expect(world.appender.append([record(0, "b")])).rejects.toThrow("one append in flight");
      expect(await first).toEqual([0]);
      expect(await world.appender.append([record(0, "c")])).toEqual([1]);
    });

    test("for a partition that is not there is not stored, nor is what came with it", async () => {
      await using world = await makeWorld(1);
      await expect(world.appender.append([record(0, "a"), record(1, "b")])).rejects.toBeInstanceOf(LogUnavailable);
      expect(await world.appender.append([record(0, "c")])).toEqual([0]);
    });
  });
}
