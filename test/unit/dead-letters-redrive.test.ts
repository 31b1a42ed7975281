/** A redrive against ports in memory: what is sent, what is not, and that a crash at any point is one command. */
import { beforeEach, describe, expect, test } from "vitest";
import { foresee } from "../../src/dead-letters/foresight.ts";
import { redriveId } from "../../src/dead-letters/letter-places.ts";
import { prepare, redrive } from "../../src/dead-letters/redrive.ts";
import type { RedriveDeps } from "../../src/dead-letters/redrive.ts";
import type { AppendRecord } from "../../src/log/log.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { letterOfRecord } from "../../src/processors/letters.ts";
import { createCommandCodec } from "../../src/schemas/codec.ts";
import { createMemorySchemaSource } from "../../src/schemas/memory-schema-source.ts";
import type { Command } from "../../src/schemas/commands.ts";
import type { KeptLetter, Settlement } from "../../src/stores/dead-letter-store.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import type { Place, Snapshot } from "../../src/stores/ledger-store.ts";
import {
  cancelOrder,
  countStock,
  issuedAt,
  orderLine,
  placeOrder,
  resumeProduct,
  uuidOf,
} from "../support/commands.ts";

const schemas = createMemorySchemaSource();
const codec = await createCommandCodec(schemas);
const place = { partition: 3, offset: 17 };

let letter: KeptLetter;
let appended: AppendRecord[];
let deps: RedriveDeps;
/** What goes wrong, once. */
let failing: { append?: Error; settle?: Error; beforeSettle?: () => void };

const letterOf = (command: Command): KeptLetter => {
  const record = { offset: place.offset, key: Buffer.from("another"), value: codec.encode(command), headers: {} };
  const settled = { outcome: null, settledAt: null, redrivenAs: null, settledBecause: null };
  return { ...letterOfRecord(place.partition, record, "key_mismatch"), letterId: 1, storedAt: 0, ...settled };
};
const fail = (what: "append" | "settle"): void => {
  const error = failing[what];
  if (error === undefined) return;
  failing = {};
  throw error;
};
const isThere = ({ partition, offset }: Place): boolean => partition === place.partition && offset === place.offset;

beforeEach(() => {
  letter = letterOf(placeOrder({ quantity: 2 }));
  appended = [];
  failing = {};
  deps = {
    schemas,
    codec,
    topic: "orders",
    partitionOf: (productId) => Promise.resolve(partitionOf(productId, 12)),
    letters: {
      at: (at) => Promise.resolve(isThere(at) ? letter : null),
      settle: async (at, settlement: Settlement) => {
        failing.beforeSettle?.();
        await Promise.resolve();
        fail("settle");
        if (!isThere(at) || letter.outcome !== null) return false;
        const redrivenAs = settlement.outcome === "redriven" ? settlement.redrivenAs : null;
        letter = { ...letter, outcome: settlement.outcome, settledAt: 1, redrivenAs };
        return true;
      },
    },
    appender: {
      append: async (records) => {
        await Promise.resolve();
        fail("append");
        appended.push(...records);
        return records.map((_, index) => appended.length - records.length + index);
      },
    },
  };
});

const sent = () => appended.map(({ key, value }) => codec.decode(Buffer.from(String(key)), value));

describe("a redrive", () => {
  test("sends a new command under its product's key, to its product's partition, naming where it comes from", async () => {
    const command = { ...placeOrder({ quantity: 2 }), commandId: redriveId(place) };
    expect(await redrive(deps, place, [])).toEqual({
      place,
      sent: command,
      to: { partition: partitionOf("p1", 12), offset: 0 },
    });
    expect(sent()).toEqual([{ kind: "command", command }]);
    expect(appended).toMatchObject([
      { partition: partitionOf("p1", 12), key: "p1", headers: { "tallyman-redriven-from": "orders:3:17" } },
    ]);
    expect(letter).toMatchObject({ outcome: "redriven", redrivenAs: command.commandId });
  });

  test("is done once", async () => {
    await redrive(deps, place, []);
    expect(await redrive(deps, place, [])).toMatchObject({ notSent: { code: "redriven" } });
    expect(appended).toHaveLength(1);
  });

  test("that is cut off between the log and the row sends the same id again", async () => {
    failing = { settle: new StoreUnavailable("cut") };
    await expect(redrive(deps, place, [])).rejects.toBeInstanceOf(StoreUnavailable);
    expect(letter.outcome).toBe(null);
    await redrive(deps, place, []);
    expect(letter.outcome).toBe("redriven");
    expect(sent().map((each) => (each.kind === "command" ? each.command.commandId : each))).toEqual([
      redriveId(place),
      redriveId(place),
    ]);
  });

  test("that the log does not acknowledge leaves the letter as it is", async () => {
    failing = { append: new LogUnavailable("away") };
    await expect(redrive(deps, place, [])).rejects.toBeInstanceOf(LogUnavailable);
    expect(letter.outcome).toBe(null);
  });

  test("beside another one of the same letter is as good as that one; beside a discard it is told", async () => {
    failing = { beforeSettle: () => (letter = { ...letter, outcome: "redriven", settledAt: 1 }) };
    expect(await redrive(deps, place, [])).toMatchObject({ sent: { commandId: redriveId(place) } });
    letter = letterOf(placeOrder());
    failing = { beforeSettle: () => (letter = { ...letter, outcome: "discarded", settledAt: 1 }) };
    expect(await redrive(deps, place, [])).toMatchObject({
      notSent: { code: "discarded", says: expect.stringContaining("will be decided") as string },
    });
  });

  test("is refused to what is not there, to what was given up, and to what waits for its product", async () => {
    const codeOf = async (at: Place) => {
      const fate = await redrive(deps, at, []);
      return "notSent" in fate ? fate.notSent.code : fate;
    };
    expect(await codeOf({ partition: 3, offset: 18 })).toBe("no_such_letter");
    letter = { ...letter, outcome: "discarded", settledAt: 1 };
    expect(await codeOf(place)).toBe("discarded");
    for (const kind of ["refused", "waiting"] as const) {
      letter = { ...letterOf(placeOrder()), kind, productId: "p1", commandId: uuidOf(1) };
      expect(await codeOf(place)).toBe("parked");
    }
    letter = letterOf(placeOrder({ currency: "euros" }));
    expect(await codeOf(place)).toBe("invalid_currency");
    expect(appended).toEqual([]);
  });
});

describe("what is foreseen", () => {
  const ready = (command: Command, offset: number) => ({
    command: { ...command, commandId: redriveId({ partition: 0, offset }) },
  });
  const ledger = (found: Partial<Snapshot>) => {
    const nothing: Snapshot = { stock: new Map(), parked: new Set(), lines: new Map(), stockAtVersion: new Map() };
    return { prefetch: () => Promise.resolve({ ...nothing, ...found }) };
  };

  test("is decided one after another, each letter with its own answer", async () => {
    const stock = new Map([["p1", { quantity: 3, version: 1 }]]);
    const commands = [
      placeOrder({ quantity: 2 }),
      resumeProduct(),
      placeOrder({ quantity: 2 }),
      cancelOrder(),
      countStock(),
    ];
    const letters = commands.map(ready);
    const lines = new Map([[uuidOf(1), { ...orderLine({ productId: "other" }), decidedAt: issuedAt }]]);
    expect(await foresee(ledger({ stock, lines }), letters)).toMatchObject([
      { verdict: "accepted", line: { stockAfter: 1, version: 2 } },
      { verdict: "open" },
      { verdict: "rejected", line: { reason: "insufficient_stock" } },
      { verdict: "rejected", line: { reason: "product_mismatch" } },
      { verdict: "accepted", line: { stockAfter: 10 } },
    ]);
  });

  test("of a letter that was sent before is its decision, and of a parked product that it waits", async () => {
    const letters = [ready(placeOrder(), 1), ready(placeOrder({ productId: "p2" }), 2)];
    const line = { ...orderLine({ commandId: redriveId({ partition: 0, offset: 1 }) }), decidedAt: issuedAt };
    const found = { lines: new Map([[line.commandId, line]]), parked: new Set(["p2"]) };
    expect(await foresee(ledger(found), letters)).toMatchObject([{ verdict: "repeated", line }, { verdict: "waits" }]);
  });

  test("is of what would be sent", async () => {
    expect(await prepare(deps, place, [])).toMatchObject({ command: { commandId: redriveId(place) } });
    expect([letter.outcome, appended]).toEqual([null, []]);
  });
});
