/** C1 and C2: what was acknowledged is on the log, and decided exactly once; nothing else is. */
import type { CommandKind, Evidence, Line, LogRecord, SentCommand } from "./evidence.ts";
import { nameOf, nameOfLine, nameOfRecord } from "./identity.ts";
import { isPlaceholder } from "./sequence.ts";

const placeOf = ({ partition, offset }: { readonly partition: number; readonly offset: number }): string =>
  `${partition}@${offset}`;

/** The others have none, or that of the order that they name. */
const saysQuantity: ReadonlySet<CommandKind> = new Set(["order", "delivery", "count"]);

/** C1 */
export function wrongOnTopic({ commands, records }: Evidence): string[] {
  const byPlace = new Map(records.map((record) => [placeOf(record), record]));
  const names = new Set(records.map(nameOfRecord));
  return commands.flatMap((command) => {
    if (command.ackedAt === null || command.isMoot) return [];
    const name = nameOf(command);
    if (command.place === null) return names.has(name) ? [] : [`${name} was acknowledged, and is not on the topic`];
    const found = byPlace.get(placeOf(command.place));
    if (found === undefined) return [`${name} was acknowledged at ${placeOf(command.place)}, where nothing lies`];
    if (nameOfRecord(found) !== name)
      return [`${name} was acknowledged at ${placeOf(command.place)}, where ${nameOfRecord(found)} lies`];
    return recordDiffers(command, found).map((what) => `${name} was sent with another ${what} than lies on the topic`);
  });
}

function recordDiffers(command: SentCommand, record: LogRecord): string[] {
  const differs: string[] = [];
  if (record.productId !== command.productId) differs.push("product");
  if (record.key !== command.productId) differs.push("key");
  if (saysQuantity.has(command.kind) && record.quantity !== command.quantity) differs.push("quantity");
  return differs;
}

/** C2 */
export function wrongInLedger(evidence: Evidence): string[] {
  return [...wrongForClients(evidence), ...wrongAgainstTopic(evidence)];
}

function wrongForClients({ commands, lines, deadLetters }: Evidence): string[] {
  const wrong: string[] = [];
  const byName = Map.groupBy(lines, nameOfLine);
  for (const command of commands) {
    if (command.ackedAt === null || command.isMoot) continue;
    const decided = (byName.get(nameOf(command)) ?? []).filter((line) => !isPlaceholder(line));
    if (decided.length !== 1) wrong.push(`${nameOf(command)} was acknowledged, and is decided ${decided.length} times`);
  }
  const sent = new Map(commands.map((command) => [nameOf(command), command]));
  for (const line of lines) {
    const command = sent.get(nameOfLine(line));
    if (command !== undefined) {
      wrong.push(...lineDiffers(command, line).map((what) => `${nameOf(command)} was decided with another ${what}`));
    } else if (!isPlaceholder(line)) wrong.push(`${nameOfLine(line)} is decided, and nobody sent it`);
  }
  if (deadLetters > 0) wrong.push(`${deadLetters} records became dead letters`);
  return wrong;
}

function lineDiffers(command: SentCommand, line: Line): string[] {
  const differs: string[] = [];
  if (line.product_id !== command.productId) differs.push("product");
  if (isPlaceholder(line) || !saysQuantity.has(command.kind)) return differs;
  if (line.quantity !== command.quantity) differs.push("quantity");
  if (command.kind === "count" && line.as_of_version !== command.asOfVersion) differs.push("version to count as of");
  return differs;
}

function wrongAgainstTopic({ lines, records, progress }: Evidence): string[] {
  const wrong: string[] = [];
  const decided = new Set(lines.filter((line) => !isPlaceholder(line)).map(nameOfLine));
  const nextOffset = new Map(progress.map(({ partition, next_offset }) => [partition, next_offset]));
  for (const record of records) {
    const isPassed = record.offset < (nextOffset.get(record.partition) ?? 0);
    if (isPassed && !decided.has(nameOfRecord(record)))
      wrong.push(`${nameOfRecord(record)} lies at ${placeOf(record)}, was passed, and is not decided`);
  }
  const byPlace = new Map(records.map((record) => [placeOf(record), nameOfRecord(record)]));
  for (const line of lines) {
    if (isPlaceholder(line) || byPlace.get(placeOf(line)) === nameOfLine(line)) continue;
    wrong.push(
      `${nameOfLine(line)} is decided as what lies at ${placeOf(line)}: ${byPlace.get(placeOf(line)) ?? "nothing"}`,
    );
  }
  return wrong;
}
