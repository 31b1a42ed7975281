/**
 * What must hold after any log of commands, however it is cut into groups. Each property is also run against a decider, or
 * a store, that is broken on purpose, and must notice. A failure prints seed and path; `fc.assert(…, { seed, path })` replays it.
 */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { decideGroup } from "../../src/processors/decide-group.ts";
import { evolve } from "../../src/processors/stock.ts";
import type * as StockModule from "../../src/processors/stock.ts";
import type { Command } from "../../src/schemas/commands.ts";
import type { Line, Stock } from "../../src/schemas/lines.ts";
import { CommitRefused } from "../../src/stores/ledger-store.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import type { GuardName } from "../../src/stores/memory/ledger-store.ts";
import { commandLog, groupSizes, productIds } from "../support/arbitraries.ts";

type Decide = typeof StockModule.decide;
type Evolve = typeof StockModule.evolve;
type Sabotage = {
  decide?: (decide: Decide, ...given: Parameters<Decide>) => ReturnType<Decide>;
  evolve?: (evolve: Evolve, line: Line, before: Stock | undefined) => Stock | undefined;
  /** Owners keep the first stock that they read and never look again. */
  staleMemory?: boolean;
  storeWithout?: readonly GuardName[];
};
const broken = vi.hoisted((): { by: Sabotage } => ({ by: {} }));
afterEach(() => (broken.by = {}));

vi.mock("../../src/processors/stock.ts", async (importOriginal) => {
  const original = await importOriginal<typeof StockModule>();
  const decide: Decide = (known, logged) =>
    broken.by.decide?.(original.decide, known, logged) ?? original.decide(known, logged);
  return {
    ...original,
    decide,
    evolve: (line: Line, before: Stock | undefined) =>
      (broken.by.evolve ?? ((real) => real(line, before)))(original.evolve, line, before),
  };
});

type Played = {
  readonly lines: ReadonlyMap<string, Line>;
  readonly stock: ReadonlyMap<string, Stock>;
  readonly answers: readonly { readonly line: Line; readonly repeated: boolean }[];
};

/** Decides and commits the log group by group, as an owner does: as if all were new, and again when a duplicate shows (P6). */
async function play(log: readonly Command[], sizes: readonly number[]): Promise<Played> {
  const store = createMemoryLedgerStore({ now: () => 0, without: broken.by.storeWithout ?? [] });
  const claims = new Map((await store.claim([0, 1], "test")).map((claim) => [claim.partition, claim.epoch]));
  const ends = new Map([0, 1].map((partition) => [partition, 0]));
  const memory = new Map<string, Stock>();
  const answers: { line: Line; repeated: boolean }[] = [];
  for (let [start, turn] = [0, 0]; start < log.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    const before = new Map(ends);
    const entries = log.slice(start, start + size).map((command) => {
      const partition = command.productId === "p2" ? 1 : 0;
      const offset = ends.get(partition) ?? 0;
      ends.set(partition, offset + 1);
      return { command, partition, offset };
    });
    start += size;
    const attempt = async (knowingIds: boolean) => {
      const commands = entries.map(({ command }) => command);
      const found = await store.prefetch({
        productIds: commands.map(({ productId }) => productId).filter((id) => !memory.has(id)),
        commandIds: commands.flatMap((each) => [
          ...(knowingIds ? [each.commandId] : []),
          ...("orderId" in each ? [each.orderId] : []),
        ]),
        versions: commands.flatMap((each) =>
          each.type === "CountStock" && each.asOfVersion !== null
            ? [{ productId: each.productId, version: each.asOfVersion }]
            : [],
        ),
      });
      const group = decideGroup(entries, {
        base: (_partition, id) => memory.get(id),
        found,
        waiting: new Map(),
        encode: () => Buffer.alloc(0),
      });
      const advances = [...ends].map(([partition, to]) => {
        const [epoch, from] = [claims.get(partition) ?? 0, before.get(partition) ?? 0];
        return { partition, epoch, from, to, effectsOffset: 0, last: null };
      });
      await store.commit({ ...group.write, advances });
      return group;
    };
    const group = await attempt(false).catch((error: unknown) => {
      if (error instanceof CommitRefused && error.because === "duplicate") return attempt(true);
      throw error;
    });
    for (const { productId, stock } of group.products) {
      if (stock !== undefined && !(broken.by.staleMemory && memory.has(productId))) memory.set(productId, stock);
    }
    answers.push(...group.answers);
  }
  return { lines: store.lines, stock: store.stock, answers };
}

/** Whether the line made a version of its own. Refusals don't, nor do cancels that came first and the orders they met. */
function raisesVersion(line: Line): boolean {
  return line.reason === null && !(line.type === "CancelOrder" && line.quantity === 0);
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function checkTally({ lines, stock }: Played): void {
  for (const productId of productIds) {
    const own = [...lines.values()].filter((line) => line.productId === productId);
    const made = own.filter(raisesVersion).toSorted((a, b) => a.version - b.version);
    const sum = new Map<string, number>();
    let archived = false;
    const at = new Map([[0, 0]]);
    for (const [index, line] of made.entries()) {
      check(line.version === index + 1, `${productId}: version ${line.version} comes at place ${index + 1}`);
      sum.set(line.type, (sum.get(line.type) ?? 0) + line.delta);
      const quantity = [...sum.values()].reduce((units, each) => units + each, 0);
      check(!archived || line.type !== "PlaceOrder", `${productId}@${line.version} was sold while it was archived`);
      if (line.type === "ArchiveProduct") check(!archived, `${productId}@${line.version} was archived already`);
      if (line.type === "RestoreProduct") check(archived, `${productId}@${line.version} was not archived`);
      archived = line.type === "ArchiveProduct" || (archived && line.type !== "RestoreProduct");
      check(
        line.stockAfter === quantity,
        `${productId}@${line.version}: ${line.stockAfter}, lines add up to ${quantity}`,
      );
      check(quantity >= 0, `${productId}@${line.version} is negative`);
      at.set(line.version, quantity);
    }
    for (const line of own.filter((each) => !raisesVersion(each))) {
      check(line.delta === 0, "a line without a version of its own moves nothing");
      check(line.stockAfter === at.get(line.version), `a refusal met ${line.stockAfter} at version ${line.version}`);
    }
    for (const { commandId, type, status, fulfilment } of own) {
      const by = (wanted: Line["type"]) =>
        own.filter((line) => line.type === wanted && line.reason === null && line.orderId === commandId).length;
      if (type !== "PlaceOrder") continue;
      check(
        by("PackOrder") + by("CancelOrder") <= 1,
        `${commandId} is both packed and cancelled, or one of them twice`,
      );
      check(
        by("PackOrder") === (fulfilment === null ? 0 : 1),
        `${commandId} is packed without a packing, or not at all`,
      );
      check(fulfilment === null || status === "accepted", `${commandId} is packed, and ${status}`);
    }
    const orders = own.filter((line) => line.type === "PlaceOrder" && line.status === "accepted");
    const sold = orders.reduce((units, line) => units + line.quantity, 0);
    check(
      sold === -((sum.get("PlaceOrder") ?? 0) + (sum.get("CancelOrder") ?? 0)),
      `${productId}: ${sold} units sold, the sums say otherwise`,
    );
    const last = made.at(-1);
    const folded = made.reduce<Stock | undefined>((before, line) => evolve(line, before), undefined);
    const expected = last && {
      ...{ quantity: last.stockAfter, version: last.version },
      ...(archived && { archived: true as const }),
    };
    check(isDeepStrictEqual(folded, stock.get(productId)), `${productId}: evolve does not fold its lines to its stock`);
    check(isDeepStrictEqual(expected, stock.get(productId)), `${productId}: the stock is not what its last line left`);
  }
}

const tally = fc.asyncProperty(commandLog, groupSizes, async (log, sizes) => checkTally(await play(log, sizes)));
const total = fc.asyncProperty(commandLog, groupSizes, async (log, sizes) => {
  const { answers } = await play(log, sizes);
  check(answers.length === log.length, "a command got no answer");
});
const onceOnly = fc.asyncProperty(commandLog, groupSizes, async (log, sizes) => {
  const once = await play(log, sizes);
  const twice = await play([...log, ...log], sizes);
  check(isDeepStrictEqual(twice.lines, once.lines), "the same commands again changed a line");
  check(isDeepStrictEqual(twice.stock, once.stock), "the same commands again changed the stock");
  check(
    twice.answers.slice(log.length).every(({ repeated }) => repeated),
    "a command was decided twice",
  );
});
const anySplit = fc.asyncProperty(commandLog, groupSizes, groupSizes, async (log, some, others) => {
  const [one, other] = [await play(log, some), await play(log, others)];
  // In the order of their ids: within a group that cancels them, lines are written in another order.
  const sorted = ({ lines }: Played) => [...lines.values()].toSorted((a, b) => (a.commandId < b.commandId ? -1 : 1));
  check(isDeepStrictEqual(sorted(one), sorted(other)), "the ledger depends on the groups");
  check(isDeepStrictEqual(one.stock, other.stock), "the stock depends on the groups");
  check(isDeepStrictEqual(one.answers.map(withoutDecidedAt), other.answers.map(withoutDecidedAt)), "answers differ");
});

/** An answer from the store knows when it was decided; one from the same group does not yet. */
function withoutDecidedAt({ line, repeated }: Played["answers"][number]): object {
  return { ...line, decidedAt: undefined, repeated };
}

const numRuns = 500;
test("the tally holds: never negative, sums at every version, versions contiguous, lines fold to the stock", () =>
  fc.assert(tally, { numRuns }));
test("every command of any log gets an answer", () => fc.assert(total, { numRuns }));
test("the same commands again change nothing", () => fc.assert(onceOnly, { numRuns }));
test("the cut into groups changes nothing", () => fc.assert(anySplit, { numRuns }));

/** Changes the answer of what is decided, in its place among the lines too. */
function altering(alter: (answer: Line) => Line): Sabotage {
  return {
    decide: (decide, known, logged) => {
      const decision = decide(known, logged);
      if (decision.kind === "repeated") return decision;
      const answer = alter(decision.answer);
      return { ...decision, answer, lines: decision.lines.map((line) => (line === decision.answer ? answer : line)) };
    },
  };
}

const sabotages: readonly [string, Sabotage, Parameters<typeof fc.assert>[0], RegExp][] = [
  [
    "sells what is not there",
    altering((line) =>
      line.reason === "insufficient_stock" && line.stockAfter < line.quantity
        ? {
            ...line,
            ...{ reason: null, status: "accepted", delta: -line.quantity, version: line.version + 1 },
            stockAfter: line.stockAfter - line.quantity,
          }
        : line,
    ),
    tally,
    /negative/,
  ],
  [
    "gives back a unit too many",
    altering((line) =>
      line.type === "CancelOrder" && line.delta > 0 ? { ...line, stockAfter: line.stockAfter + 1 } : line,
    ),
    tally,
    /add up to/,
  ],
  [
    "cancels an order and keeps its units",
    altering((line) =>
      line.type === "CancelOrder" ? { ...line, stockAfter: line.stockAfter - line.delta, delta: 0 } : line,
    ),
    tally,
    /units sold/,
  ],
  [
    "skips a version",
    altering((line) => (line.delta < 0 ? { ...line, version: line.version + 1 } : line)),
    tally,
    /at place/,
  ],
  [
    "evolves to something else",
    {
      evolve: (real, line, before) =>
        line.type === "CountStock" ? { quantity: 3, version: line.version } : real(line, before),
    },
    tally,
    /^p[123]/,
  ],
  [
    "forgets with the next delivery that a product is archived",
    { evolve: (real, line, before) => real(line, line.type === "ReceiveStock" ? undefined : before) },
    tally,
    /sold while it was archived|not archived|not what its last line left/,
  ],
  [
    "sells what is archived",
    {
      decide: (decide, known, logged) => {
        const stock = known.stock && { quantity: known.stock.quantity, version: known.stock.version };
        return logged.command.type === "PlaceOrder" ? decide({ ...known, stock }, logged) : decide(known, logged);
      },
    },
    tally,
    /sold while it was archived/,
  ],
  [
    "packs what is cancelled",
    {
      decide: (decide, known, logged) => {
        const order =
          known.order?.status === "cancelled" ? { ...known.order, status: "accepted" as const } : known.order;
        return logged.command.type === "PackOrder" ? decide({ ...known, order }, logged) : decide(known, logged);
      },
    },
    tally,
    /packed/,
  ],
  [
    "cancels what is packed",
    {
      decide: (decide, known, logged) => {
        const order = known.order && { ...known.order, fulfilment: null };
        return logged.command.type === "CancelOrder" ? decide({ ...known, order }, logged) : decide(known, logged);
      },
    },
    tally,
    /packed/,
  ],
  [
    "throws at a quantity",
    altering((line) => {
      if (line.reason === "quantity_out_of_range") throw new RangeError("garbage");
      return line;
    }),
    total,
    /garbage/,
  ],
  [
    "forgets what it decided",
    { decide: (decide, known, logged) => decide({ ...known, line: undefined }, logged), storeWithout: ["duplicate"] },
    onceOnly,
    /again changed|twice/,
  ],
  [
    "trusts old memory in a store that does not check versions",
    { staleMemory: true, storeWithout: ["version"] },
    anySplit,
    /depends on the groups/,
  ],
];

test.each(sabotages)("noticed: a decider that %s", async (_what, sabotage, property, message) => {
  broken.by = sabotage;
  const run = Promise.resolve(fc.assert(property, { numRuns, seed: 1, endOnFailure: true }));
  const failure: unknown = await run.catch((error: unknown) => error);
  expect(failure).toHaveProperty("message", expect.stringMatching(/^Property failed after/));
  expect(failure).toHaveProperty("cause.message", expect.stringMatching(message));
});
