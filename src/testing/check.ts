/**
 * What holds of every Tallyman at rest, looked for in what a world has stored. By rules of its own: it shares no code with what
 * decides. A difference is a fault of Tallyman, never of the code that was tested with it.
 */
import type { Command } from "../schemas/commands.ts";
import type { Line, Stock, StoredLine } from "../schemas/lines.ts";

/** A record on the log; `command` undefined: it can't be read. */
export type BookedRecord = {
  readonly partition: number;
  readonly offset: number;
  readonly command: Command | undefined;
};

export type Books = {
  /** What broke inside. */
  readonly errors: readonly unknown[];
  readonly records: readonly BookedRecord[];
  readonly lines: ReadonlyMap<string, StoredLine>;
  readonly stock: ReadonlyMap<string, Stock>;
  /** Kept without being decided. */
  readonly letters: readonly { readonly partition: number; readonly offset: number }[];
  /** Ids of commands that were acknowledged. */
  readonly acknowledged: Iterable<string>;
  /** Records that were acknowledged, by their places. */
  readonly stored: Iterable<{ readonly partition: number; readonly offset: number }>;
  /** What callers were told was decided. */
  readonly told: Iterable<{ readonly commandId: string; readonly status: string }>;
  /** What the cache has; undefined: nothing. */
  readonly cachedQuantity: (productId: string) => number | undefined;
};

/** In words; empty when everything holds. */
export function differencesIn(books: Books): string[] {
  return [
    ...books.errors.map((error) => `something broke: ${String(error)}`),
    ...recordsAndLines(books),
    ...promises(books),
    ...tallies(books),
    ...cache(books),
  ];
}

/** Every record that can be read is decided, once and as it says; every line has its record. */
function* recordsAndLines({ records, lines, letters }: Books): Generator<string> {
  const kept = new Set(letters.map(placeOf));
  const sent = new Map<string, Command[]>();
  for (const record of records) {
    const { command } = record;
    if (command === undefined) {
      if (!kept.has(placeOf(record))) yield `the record at ${placeOf(record)} can't be read, and is not kept`;
      continue;
    }
    const same = sent.get(command.commandId) ?? [];
    same.push(command);
    sent.set(command.commandId, same);
  }
  for (const [commandId, commands] of sent) {
    const line = lines.get(commandId);
    if (line === undefined) yield `${commandId} is on the log and was never decided`;
    else if (!commands.some((command) => isOf(line, command)))
      yield `${commandId} was decided as another than was sent`;
  }
  for (const line of lines.values()) {
    if (!sent.has(line.commandId) && !isForeseen(line)) yield `${line.commandId} was decided and nobody sent it`;
  }
}

/** What was acknowledged is decided; what a caller was told stays so, but for an order that is cancelled. */
function* promises({ records, lines, acknowledged, stored, told }: Books): Generator<string> {
  const places = new Set(records.map(placeOf));
  for (const commandId of acknowledged) {
    if (!lines.has(commandId)) yield `${commandId} was acknowledged and never decided`;
  }
  for (const place of stored) {
    if (!places.has(placeOf(place))) yield `the record at ${placeOf(place)} was acknowledged and is lost`;
  }
  for (const { commandId, status } of told) {
    const now = lines.get(commandId)?.status;
    const isSame = now === status || (status === "accepted" && now === "cancelled");
    if (!isSame) yield `a caller was told that ${commandId} is ${status}, and it is ${now ?? "unknown"}`;
  }
}

function* tallies({ lines, stock }: Books): Generator<string> {
  const byProduct = Map.groupBy(lines.values(), ({ productId }) => productId);
  for (const productId of new Set([...byProduct.keys(), ...stock.keys()])) {
    yield* tally(productId, byProduct.get(productId) ?? [], stock.get(productId));
  }
}

/** At every version the lines add up to the stock, which is never negative. */
function* tally(productId: string, lines: readonly Line[], stock: Stock | undefined): Generator<string> {
  const moves = lines.filter(movesStock).toSorted((one, other) => one.version - other.version);
  let sum = 0;
  for (const [index, { commandId, delta, stockAfter, version }] of moves.entries()) {
    sum += delta;
    if (version !== index + 1) yield `${productId}: ${commandId} has version ${version}, and ${index + 1} was next`;
    if (stockAfter !== sum) yield `${productId}: ${stockAfter} are left after ${commandId}, and should be ${sum}`;
    if (sum < 0) yield `${productId} was oversold by ${-sum} at version ${version}`;
  }
  const { quantity = 0, version = 0 } = stock ?? {};
  if (quantity !== sum || version !== moves.length) {
    yield `${productId} has ${quantity} at version ${version}, and should have ${sum} at ${moves.length}`;
  }
}

function* cache({ stock, cachedQuantity }: Books): Generator<string> {
  for (const [productId, { quantity }] of stock) {
    const cached = cachedQuantity(productId);
    if (cached !== undefined && cached !== quantity)
      yield `${productId}: the cache has ${cached}, and should have ${quantity}`;
  }
}

/** An order that is cancelled before it comes leaves a line of its own, without a record. */
function isForeseen({ type, status, delta }: Line): boolean {
  return type === "PlaceOrder" && status === "cancelled" && delta === 0;
}

function isOf(line: Line, command: Command): boolean {
  if (line.type !== command.type || line.productId !== command.productId) return false;
  if (isForeseen(line)) return true;
  if (command.type === "PlaceOrder" && line.status !== "rejected" && line.delta !== -command.quantity) return false;
  return !("quantity" in command) || line.quantity === command.quantity;
}

function movesStock({ type, status, delta }: Line): boolean {
  if (type === "ResumeProduct") return false;
  if (type === "CancelOrder") return status === "accepted" && delta > 0;
  return status === "accepted" || (status === "cancelled" && delta < 0);
}

function placeOf({ partition, offset }: { readonly partition: number; readonly offset: number }): string {
  return `${partition}@${offset}`;
}
