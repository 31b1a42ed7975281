/**
 * Judges a simulated world. Each rule has the number that docs/invariants.md gives it. It shares no code with the decider: it
 * reads the log again, with a model of its own, in the order of the commits that the store saw.
 */
import assert from "node:assert/strict";
import type { Command } from "../../src/schemas/commands.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import type { World } from "../../src/simulation/world.ts";
import type { History } from "./clients.ts";
import { wrongInDecisions } from "./judge-decisions.ts";
import { Model } from "./model.ts";
import type { Verdict } from "./model.ts";

/** A world broke an invariant. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly invariant: string;
  constructor(invariant: string, what: string) {
    super(`${invariant}: ${what}`);
    this.invariant = invariant;
  }
}

type Placed = { readonly command: Command; readonly partition: number; readonly offset: number };

/** What a world at rest must be like. Throws the first `Violation` found. */
export function judge(world: World, history: History): void {
  const placed = readLog(world);
  everyAcknowledgedIsDecided(world, history, placed);
  const order = decidedAsTheLogSays(world, placed);
  ledgerSums(world);
  nothingArchivedIsSold(world);
  neverPackedAndCancelled(world);
  inOrderOfAcknowledgements(world, history, placed, order);
  acknowledgedAtHome(world, history, placed);
  nothingToldIsUndone(world, history);
  absentWereAbsent(history);
  nothingWaitsInVain(world);
  everyDecisionIsTold(world);
  const wrong = wrongInDecisions(world);
  if (wrong !== undefined) throw new Violation("I14", wrong);
  garbageIsKept(world);
  cacheIsTrue(world);
}

/** Decodable records of the log. */
function readLog({ log }: World): Placed[] {
  return log.partitions.flatMap((_, partition) =>
    log.read(partition, 0, log.end(partition)).flatMap(({ offset, value }) => {
      const text = value?.toString() ?? "";
      return text.startsWith("{") ? [{ command: JSON.parse(text) as Command, partition, offset }] : [];
    }),
  );
}

/** I1: what was acknowledged is in the log, and decided. */
function everyAcknowledgedIsDecided(world: World, { acknowledged }: History, placed: readonly Placed[]): void {
  const inLog = new Set(placed.map(({ command }) => command.commandId));
  for (const commandId of acknowledged.keys()) {
    if (!inLog.has(commandId)) throw new Violation("I1", `${commandId} was acknowledged and is not in the log`);
    if (!world.ledger.lines.has(commandId))
      throw new Violation("I1", `${commandId} was acknowledged and never decided`);
  }
  for (const commandId of inLog) {
    if (!world.ledger.lines.has(commandId))
      throw new Violation("I1", `${commandId} is in the log and was never decided`);
  }
  for (const commandId of world.ledger.lines.keys()) {
    const line = world.ledger.lines.get(commandId);
    if (!inLog.has(commandId) && line?.status !== "cancelled")
      throw new Violation("I1", `${commandId} was decided and nobody sent it`);
  }
}

/**
 * I2: every record is in one committed range, each partition's ranges follow one another from 0 to its end, and deciding them in
 * the order of the commits gives what is stored. Returns the place of each command among the decisions.
 */
function decidedAsTheLogSays(world: World, placed: readonly Placed[]): Map<string, number> {
  const parked = everParked(world);
  const byPartition = Map.groupBy(
    placed.filter(({ command }) => !parked.has(command.productId)),
    ({ partition }) => partition,
  );
  const next = new Map<number, number>();
  const order = new Map<string, number>();
  let model = new Model();
  for (const { group } of world.journal) {
    const ranges = group.advances.map(({ partition, from, to }) => {
      if ((next.get(partition) ?? 0) !== from) {
        throw new Violation(
          "I2",
          `partition ${partition} was decided from ${from}, and ${next.get(partition) ?? 0} was next`,
        );
      }
      next.set(partition, to);
      return (byPartition.get(partition) ?? []).filter(({ offset }) => offset >= from && offset < to);
    });
    model = decideGroup(model, ranges, world);
    for (const { command } of ranges.flat())
      if (!order.has(command.commandId)) order.set(command.commandId, order.size);
  }
  for (const [partition, entries] of world.log.partitions.entries()) {
    const at = next.get(partition) ?? 0;
    if (at !== entries.length)
      throw new Violation("I6", `partition ${partition} is decided to ${at} of ${entries.length}`);
  }
  compare("I2", storedVerdicts(world), model.verdicts);
  for (const productId of model.products()) {
    if (parked.has(productId)) continue;
    const stored = world.ledger.stock.get(productId);
    equal("I2", stored, model.stockOf(productId), `the stock of ${productId}`);
  }
  return order;
}

/** A product that lies in several ranges of one group may have been decided in any order of these. */
function decideGroup(model: Model, ranges: readonly (readonly Placed[])[], world: World): Model {
  const inFull = ranges.filter((range) => range.length > 0);
  const products = inFull.map((range) => new Set(range.map(({ command }) => command.productId)));
  const isShared = products.some((one, index) =>
    products.slice(index + 1).some((other) => [...one].some((id) => other.has(id))),
  );
  const stored = storedVerdicts(world);
  let first: Model | undefined;
  for (const order of isShared ? permutations(inFull) : [inFull]) {
    const tried = new Model(model);
    for (const { command, partition, offset } of order.flat()) tried.decide(command, { partition, offset });
    first ??= tried;
    const matches = order
      .flat()
      .every(({ command: { commandId } }) => isLike(stored.get(commandId), tried.verdicts.get(commandId)));
    if (matches) return tried;
  }
  return first ?? model;
}

/** An order may have been cancelled since. */
function isLike(stored: Verdict | undefined, expected: Verdict | undefined): boolean {
  if (stored === undefined || expected === undefined) return false;
  return (
    stored.delta === expected.delta && stored.stockAfter === expected.stockAfter && stored.version === expected.version
  );
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

/** Products that were parked: their commands are decided where they were resumed, which is for other rules to judge. */
function everParked({ journal }: World): Set<string> {
  return new Set(journal.flatMap(({ group }) => group.parked.map(({ productId }) => productId)));
}

function storedVerdicts(world: World): Map<string, Verdict> {
  const parked = everParked(world);
  const lines = [...world.ledger.lines].filter(([, { productId }]) => !parked.has(productId));
  return new Map(
    lines.map(([id, { status, delta, stockAfter, version, partition, offset }]) => [
      id,
      { status, delta, stockAfter, version, partition, offset },
    ]),
  );
}

/** I3: at every version the ledger sums up to the stock, which is never negative. */
function ledgerSums({ ledger }: World): void {
  for (const [productId, { quantity, version }] of ledger.stock) {
    const moves = [...ledger.lines.values()]
      .filter((line) => line.productId === productId && movesStock(line))
      .toSorted((one, other) => one.version - other.version);
    let sum = 0;
    for (const [index, line] of moves.entries()) {
      sum += line.delta;
      equal("I3", [line.version, line.stockAfter], [index + 1, sum], `version and stock after ${line.commandId}`);
      if (sum < 0) throw new Violation("I3", `${productId} was oversold at version ${line.version}`);
    }
    equal("I3", { quantity, version }, { quantity: sum, version: moves.length }, `the sums of ${productId}`);
  }
}

/** I15: between an archiving and the restoring that follows, no order of the product is accepted. */
function nothingArchivedIsSold({ ledger }: World): void {
  for (const [productId, { archived = false }] of ledger.stock) {
    let by: string | undefined;
    const moves = [...ledger.lines.values()]
      .filter((line) => line.productId === productId && movesStock(line))
      .toSorted((one, other) => one.version - other.version);
    for (const { commandId, type, version } of moves) {
      if (type === "ArchiveProduct") by = commandId;
      if (type === "RestoreProduct") by = undefined;
      if (type === "PlaceOrder" && by !== undefined)
        throw new Violation(
          "I15",
          `${commandId} was accepted at version ${version}, and ${by} had archived ${productId}`,
        );
    }
    equal("I15", archived, by !== undefined, `whether ${productId} is archived`);
  }
}

/** I16: an order is packed or cancelled, by one command, and never both; and it says so. */
function neverPackedAndCancelled({ ledger }: World): void {
  const accepted = [...ledger.lines.values()].filter(
    ({ status, orderId }) => status === "accepted" && orderId !== null,
  );
  const byOrder = Map.groupBy(accepted, ({ orderId }) => orderId ?? "");
  for (const [orderId, lines] of byOrder) {
    if (lines.length > 1) {
      const what = lines.map(({ type, commandId }) => `${type} ${commandId}`).join(" and ");
      throw new Violation("I16", `of order ${orderId} were accepted: ${what}`);
    }
  }
  for (const { commandId, type, status, fulfilment } of ledger.lines.values()) {
    const [line] = byOrder.get(commandId) ?? [];
    if (type !== "PlaceOrder") continue;
    equal("I16", fulfilment, line?.type === "PackOrder" ? "packed" : null, `how far ${commandId} is`);
    if (fulfilment !== null) equal("I16", status, "accepted", `what became of ${commandId}, which is packed`);
  }
}

function movesStock(line: { readonly status: string; readonly type: string; readonly delta: number }): boolean {
  if (line.type === "ResumeProduct") return false;
  if (line.type === "CancelOrder") return line.status === "accepted" && line.delta > 0;
  return line.status === "accepted" || (line.status === "cancelled" && line.delta < 0);
}

/** I4: of two commands of a product, the one that was acknowledged before the other was first sent is decided first. */
function inOrderOfAcknowledgements(
  world: World,
  { sent, acknowledged, strewn }: History,
  placed: readonly Placed[],
  order: ReadonlyMap<string, number>,
): void {
  const parked = everParked(world);
  for (const [productId, some] of Map.groupBy(placed, ({ command }) => command.productId)) {
    if (strewn.has(productId) || parked.has(productId)) continue;
    const ids = [...new Set(some.map(({ command }) => command.commandId))].filter((id) => sent.has(id));
    for (const first of ids) {
      const at = acknowledged.get(first);
      if (at === undefined) continue;
      for (const second of ids) {
        if ((sent.get(second) ?? 0) <= at || second === first) continue;
        if ((order.get(first) ?? 0) > (order.get(second) ?? 0)) {
          throw new Violation("I4", `${first} was acknowledged before ${second} was sent, and decided after it`);
        }
      }
    }
  }
}

/**
 * I13: an acknowledgement names a place in the partition that its product had at some time, and below the cut where the product
 * has left that partition since: so what comes after it in another partition is decided after it.
 */
function acknowledgedAtHome({ growths, maps }: World, { places }: History, placed: readonly Placed[]): void {
  const products = new Map(placed.map(({ command }) => [command.commandId, command.productId]));
  const counts = [...growths.map(({ fromCount }) => fromCount), maps.current()?.partitionCount ?? 0];
  for (const { commandId, partition, offset } of places) {
    const homes = counts.map((count) => partitionOf(products.get(commandId) ?? "", count));
    const lastAt = homes.lastIndexOf(partition);
    if (lastAt === homes.length - 1 || offset < (growths[lastAt]?.cuts[partition] ?? 0)) continue;
    throw new Violation("I13", `${commandId} was acknowledged at ${partition}@${offset}, which is not its product's`);
  }
}

/** I8: what a caller was told stays so, but for an order that is cancelled. */
function nothingToldIsUndone({ ledger }: World, { told }: History): void {
  for (const { commandId, status } of told) {
    const line = ledger.lines.get(commandId);
    const isSame = line?.status === status || (line?.status === "cancelled" && status === "accepted");
    if (!isSame)
      throw new Violation(
        "I8",
        `a caller was told that ${commandId} is ${status}, and it is ${line?.status ?? "unknown"}`,
      );
  }
}

/** I12: nothing waits for a product that is not parked, and at rest none is. */
function nothingWaitsInVain({ ledger }: World): void {
  for (const { productId, commandId, outcome } of ledger.deadLetters) {
    if (productId === null || outcome !== null || ledger.parked.has(productId)) continue;
    throw new Violation("I12", `${commandId ?? "a command"} waits for ${productId}, which is not parked`);
  }
}

/** I7: nobody is told that an order does not exist which was acknowledged before the question. */
function absentWereAbsent({ acknowledged, absent }: History): void {
  for (const { orderId, askedAtMs } of absent) {
    const at = acknowledged.get(orderId);
    if (at !== undefined && at < askedAtMs)
      throw new Violation("I7", `${orderId} was acknowledged, and later said to be unknown`);
  }
}

/** I5: every decision is told to the apis, at least once. */
function everyDecisionIsTold({ ledger, published }: World): void {
  const told = new Set(published.map(([commandId]) => commandId));
  for (const { commandId, status, delta, type } of ledger.lines.values()) {
    const neverCame = type === "PlaceOrder" && status === "cancelled" && delta === 0;
    if (!told.has(commandId) && !neverCame) throw new Violation("I5", `nobody was told of ${commandId}`);
  }
}

/** I9: what can't be decoded is kept. */
function garbageIsKept({ log, ledger }: World): void {
  const kept = new Set(ledger.deadLetters.map(({ partition, offset }) => `${partition}@${offset}`));
  for (const [partition, entries] of log.partitions.entries()) {
    for (const [offset, entry] of entries.entries()) {
      const isGarbage = entry !== "marker" && entry.value?.toString().startsWith("{") !== true;
      if (isGarbage && !kept.has(`${partition}@${offset}`))
        throw new Violation("I9", `garbage at ${partition}@${offset} is lost`);
    }
  }
}

/** I10: after quiet the cache says what the ledger says, or nothing. */
function cacheIsTrue({ ledger, cache }: World): void {
  for (const [productId, { quantity }] of ledger.stock) {
    const cached = cache.quantityOf(productId);
    if (cached !== undefined) equal("I10", cached, quantity, `the cached quantity of ${productId}`);
  }
  for (const line of ledger.lines.values()) {
    const cached = line.type === "PlaceOrder" ? cache.orderOf(line.commandId) : undefined;
    // A mark may come late, or outlive the decision of an order that was sent again: readers don't believe an old one (I11).
    if (cached === undefined || cached.status === "pending") continue;
    const is = [cached.status, cached.fulfilment];
    equal("I10", is, [line.status, line.fulfilment], `the cached order ${line.commandId}`);
  }
}

/** I11: after quiet every reader is told what is stored. */
export function judgeReaders({ ledger }: World, readings: readonly Reading[]): void {
  for (const { path, status, body } of readings) {
    const [, kind, id = ""] = path.split("/");
    if (status !== 200) throw new Violation("I11", `${path} is answered with ${status}: ${body}`);
    const told = JSON.parse(body) as {
      readonly status?: string;
      readonly quantity: number;
      readonly archived?: boolean;
      readonly fulfilment?: string | null;
    };
    const line = ledger.lines.get(id);
    if (kind === "orders") {
      const is = [told.status, told.fulfilment];
      equal("I11", is, [line?.status, line?.fulfilment], `what readers are told of ${id}`);
    } else {
      const { quantity = 0, archived = false } = ledger.stock.get(id) ?? {};
      const { quantity: units, archived: isArchived } = told;
      equal("I11", { units, isArchived }, { units: quantity, isArchived: archived }, `what readers are told of ${id}`);
    }
  }
}

/** What an api answered when everything was at rest. */
export type Reading = { readonly path: string; readonly status: number; readonly body: string };

function compare(
  invariant: string,
  stored: ReadonlyMap<string, Verdict>,
  expected: ReadonlyMap<string, Verdict>,
): void {
  for (const [id, verdict] of expected) equal(invariant, stored.get(id), verdict, `what became of ${id}`);
  for (const id of stored.keys())
    if (!expected.has(id)) throw new Violation(invariant, `${id} was decided, and never sent`);
}

function equal(invariant: string, actual: unknown, expected: unknown, what: string): void {
  try {
    assert.deepEqual(actual, expected);
  } catch {
    throw new Violation(invariant, `${what} is ${JSON.stringify(actual)}, and should be ${JSON.stringify(expected)}`);
  }
}
