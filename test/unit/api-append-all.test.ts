import { expect, test } from "vitest";
import { createCommandLog } from "../../src/api/command-log.ts";
import { WriterOverloaded } from "../../src/api/order-writer.ts";
import { NotRouted } from "../../src/api/partition-map.ts";
import { limits } from "../../src/limits.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import type { AppendRecord } from "../../src/log/log.ts";
import type { PlaceOrder } from "../../src/schemas/commands.ts";
import { uuidOf } from "../support/commands.ts";

const order = (number: number, productId: string): PlaceOrder => ({
  type: "PlaceOrder",
  commandId: uuidOf(number),
  productId,
  quantity: 1,
  unitPriceCents: 1,
  currency: "EUR",
  customerId: null,
  basketId: null,
  deliveryLocation: null,
  issuedAt: 0,
});

/** Products named "held" wait for their partition 7, "moving" are refused, "busy" have no room, "doubt" are not in the end confirmed. */
function open(
  options: {
    readonly valueBytes?: number;
    readonly failing?: (records: readonly AppendRecord[]) => Error | undefined;
  } = {},
) {
  const { valueBytes = 10, failing = () => undefined } = options;
  const appends: (readonly AppendRecord[])[] = [];
  const appended: [number, number][] = [];
  let [offset, backlog] = [0, 0];
  const appendAll = (records: readonly AppendRecord[]): Promise<number[]> => {
    appends.push(records);
    const error = failing(records);
    return error === undefined ? Promise.resolve(records.map(() => offset++)) : Promise.reject(error);
  };
  const log = createCommandLog({
    codec: { encode: () => Buffer.alloc(valueBytes) },
    writer: {
      append: async (record) => (await appendAll([record]))[0] ?? -1,
      appendAll,
      whenRoom: (_records, act) => Promise.resolve(act()),
    },
    backlog: { hasRoom: () => true, add: () => (backlog += 1) },
    map: {
      expectedPartition: () => 1,
      partitionNow: (productId) => (["held", "moving"].includes(productId) ? undefined : 1),
      hasRoom: () => true,
      hold: (productId, send) => (productId === "held" ? send(7) : Promise.reject(new NotRouted("moving"))),
      isSure: (productId) => productId !== "doubt",
      confirm: () => Promise.reject(new LogUnavailable("nobody knows")),
    },
    quotas: {
      hasRoom: (productId) => productId !== "busy",
      roomFor: (_productId, orders) => orders,
      sent: () => undefined,
      appended: (partition, at) => void appended.push([partition, at]),
    },
    clock: { monotonic: () => 0 },
  });
  return { log, appends, appended, backlog: () => backlog };
}

const codesOf = (outcomes: readonly object[]) =>
  outcomes.map((outcome) =>
    "error" in outcome ? (outcome.error as { readonly code?: unknown }).code : Object.values(outcome).join("/"),
  );

test("each order has its own outcome, at its own place", async () => {
  const { log, appends, backlog } = open();
  const products = ["a", "busy", "held", "b", "moving", "doubt", "a"];
  const outcomes = await log.appendAll(products.map((productId, number) => order(number, productId)));
  // The one that is held goes alone, and first: the others leave when all have been looked at.
  expect(codesOf(outcomes)).toEqual(["1/1", "product_busy", "7/0", "1/2", "product_moving", "log_unavailable", "1/4"]);
  expect(appends.map((records) => records.map(({ key }) => key))).toEqual([["held"], ["a", "b", "doubt", "a"]]);
  expect(backlog()).toBe(5);
});

test("what one append fails with names each of its orders, and no other", async () => {
  const more = limits.appendTogetherRecordsMax;
  let appends = 0;
  const { log } = open({
    failing: () => [undefined, new LogUnavailable("away"), new WriterOverloaded("full")][appends++],
  });
  const orders = Array.from({ length: 2 * more + 1 }, (_, number) => order(number, "a"));
  const codes = codesOf(await log.appendAll(orders));
  expect(new Set(codes.slice(0, more))).toEqual(new Set(Array.from({ length: more }, (_, n) => `1/${n}`)));
  expect(new Set(codes.slice(more, 2 * more))).toEqual(new Set(["log_unavailable"]));
  expect(codes.slice(2 * more)).toEqual(["overloaded"]);
});

test("many bytes are several appends", async () => {
  const { log, appends } = open({ valueBytes: limits.appendTogetherBytesMax / 4 });
  await log.appendAll(Array.from({ length: 9 }, (_, number) => order(number, "a")));
  expect(appends.map(({ length }) => length)).toEqual([4, 4, 1]);
});

test("no orders, no append", async () => {
  const { log, appends } = open();
  expect([await log.appendAll([]), appends]).toEqual([[], []]);
});
