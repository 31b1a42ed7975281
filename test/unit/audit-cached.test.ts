/** Redis against PostgreSQL: what is a difference while the system runs, and what only at rest. */
import { describe, expect, it } from "vitest";
import { auditCached } from "../../src/audit/cached.ts";
import { Findings } from "../../src/audit/findings.ts";
import { decidedOrder, pendingOrder } from "../../src/schemas/order-document.ts";
import type { StoredLine } from "../../src/schemas/lines.ts";
import type { CacheEntry } from "../../src/stores/audit-cache.ts";
import { versionKey } from "../../src/stores/ledger-store.ts";
import { orderLine, placeOrder, receiveStock, uuidOf } from "../support/commands.ts";
import { auditHistory, historyOf } from "./audit-history.ts";

/** Of p1: 10 units at version 1 (offset 0), 9 at version 2 (offset 1), 8 at version 3 (offset 2); effects are done below 2. */
const history = [10, 9, 8].map((stockAfter, offset) => ({ stockAfter, partition: 0, offset }));
const line: StoredLine = { ...orderLine({ customerId: "ada" }), decidedAt: 1_700_000_000_000 };
const document = decidedOrder(line, line.decidedAt);

async function look(
  atRest: boolean,
  entries: readonly CacheEntry[],
  owners: [number, number][] = [],
): Promise<string[]> {
  const findings = new Findings(10);
  const { lateMarks } = await auditCached({
    findings,
    atRest,
    cache: {
      owners: () => Promise.resolve(new Map(owners)),
      async *entries() {
        yield await Promise.resolve(entries);
      },
    },
    now: {
      partitions: () => Promise.resolve([{ partition: 0, epoch: 3, nextOffset: 3, effectsOffset: 2 }]),
      stock: () => Promise.resolve(new Map([["p1", { quantity: 8, version: 3 }]])),
      linesOfVersions: (versions) =>
        Promise.resolve(
          new Map(
            versions.flatMap(({ productId, version }) => {
              const found = productId === "p1" ? history[version - 1] : undefined;
              return found === undefined ? [] : [[versionKey(productId, version), found]];
            }),
          ),
        ),
      lines: (ids) => Promise.resolve(new Map(ids.includes(line.commandId) ? [[line.commandId, line]] : [])),
    },
  });
  return [
    ...findings.differences.map(({ kind, says }) => `${kind}: ${says}`),
    ...[...lateMarks].map(([, says]) => `mark: ${says}`),
  ];
}

const product = (quantity: string | null, version: string | null, productId = "p1"): CacheEntry => ({
  kind: "product",
  productId,
  quantity,
  version,
});
const order = (content: unknown, orderId = line.commandId): CacheEntry => ({
  kind: "order",
  orderId,
  json: typeof content === "string" ? content : JSON.stringify(content),
});

describe("a quantity", () => {
  it.each<[string, CacheEntry, string | undefined, string | undefined]>([
    ["that is right", product("8", "3"), undefined, undefined],
    ["that expired, while its version stays", product(null, "3"), undefined, undefined],
    ["of that version, but another", product("7", "3"), "the quantity is 7", "the quantity is 7"],
    ["of an older version, the next one not told yet", product("9", "2"), undefined, "Redis is at version 2"],
    ["of an older version, and another one", product("7", "2"), "the ledger says 9", "Redis is at version 2"],
    ["of an older version, the next one told", product("10", "1"), "version 2 was told", "Redis is at version 1"],
    ["of a later version", product("8", "4"), "Redis is at version 4", "Redis is at version 4"],
    ["whose version alone is there, and later", product(null, "4"), "Redis is at version 4", "Redis is at version 4"],
    ["of nobody", product("1", "1", "p2"), "Redis is at version 1, PostgreSQL at 0", "Redis is at version 1"],
    ["without a version", product("7", null), undefined, "the quantity is 7, PostgreSQL says 8"],
    ["without a version, that is right", product("8", null), undefined, undefined],
    ["that is no number", product("8.5", "3"), "are not whole numbers", "are not whole numbers"],
    ["with a version that is no number", product("8", "x"), "are not whole numbers", "are not whole numbers"],
  ])("%s", async (_name, entry, running, atRest) => {
    const expected = (says?: string): unknown[] => (says === undefined ? [] : [expect.stringContaining(says)]);
    expect(await look(false, [entry])).toEqual(expected(running));
    expect(await look(true, [entry])).toEqual(expected(atRest));
  });
});

describe("an order", () => {
  const pending = pendingOrder(placeOrder(), 0, null);
  it.each<[string, CacheEntry, string | undefined, string | undefined]>([
    ["that is right", order(document), undefined, undefined],
    ["with another customer", order({ ...document, customerId: "eve" }), "customerId", "customerId"],
    ["decided at another time", order({ ...document, decidedAt: null }), "decidedAt", "decidedAt"],
    ["of an earlier revision", order({ ...document, revision: 0, status: "rejected" }), undefined, "revision 0"],
    ["of a later revision", order({ ...document, revision: 2 }), "revision 2", "revision 2"],
    ["that is decided, and nobody knows", order(document, uuidOf(9)), "no such order", "no such order"],
    ["whose id is none", order(document, "x"), "no such order", "no such order"],
    ["that is no JSON", order("{"), "it is no order", "it is no order"],
    ["that is no document", order("7"), "it is no order", "it is no order"],
    ["that is marked and not decided", order(pending, uuidOf(9)), undefined, undefined],
    ["that is marked and decided", order(pending), undefined, "mark: it is pending, and the ledger says accepted"],
  ])("%s", async (_name, entry, running, atRest) => {
    const expected = (says?: string): unknown[] => (says === undefined ? [] : [expect.stringContaining(says)]);
    expect(await look(false, [entry])).toEqual(expected(running));
    expect(await look(true, [entry])).toEqual(expected(atRest));
  });

  it("that was sent twice may be marked after its decision", async () => {
    const placed = placeOrder({ commandId: uuidOf(7) });
    const cache = {
      owners: () => Promise.resolve(new Map<number, number>()),
      async *entries() {
        yield await Promise.resolve([order(pendingOrder(placed, 0, null), uuidOf(7))]);
      },
      close: () => undefined,
    };
    const kinds = async (times: number): Promise<string[]> => {
      const commands = [receiveStock(), ...Array<typeof placed>(times).fill(placed)];
      const world = historyOf(
        commands.map((what) => ({ partition: 0, what })),
        1,
      );
      const decided = [...world.lines.values()].map((each): [string, StoredLine] => [
        each.commandId,
        { ...each, decidedAt: 0 },
      ]);
      const now = {
        partitions: () => Promise.resolve(world.partitions),
        stock: () => Promise.resolve(new Map()),
        linesOfVersions: () => Promise.resolve(new Map()),
        lines: () => Promise.resolve(new Map(decided)),
      };
      const { findings } = await auditHistory(world, { cache }, now);
      return findings.differences.map(({ kind }) => kind);
    };
    expect(await kinds(1)).toEqual(["A16"]);
    expect(await kinds(2)).toEqual([]);
  });
});

describe("an epoch", () => {
  it("may be the one of PostgreSQL or an earlier one", async () => {
    expect(await look(false, [], [[0, 3]])).toEqual([]);
    expect(await look(false, [], [[0, 2]])).toEqual([]);
    expect(await look(false, [], [[0, 4]])).toEqual(["A17: Redis knows epoch 4, PostgreSQL 3"]);
    expect(await look(false, [], [[7, 1]])).toEqual(["A17: Redis knows epoch 1, PostgreSQL 0"]);
  });
});
