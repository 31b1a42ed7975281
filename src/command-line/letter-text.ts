/** Letters as lines of text. */
import { placeText } from "../dead-letters/letter-places.ts";
import type { Foreseen } from "../dead-letters/foresight.ts";
import { jsonOf } from "../dead-letters/letter-view.ts";
import type { LetterView, Shown } from "../dead-letters/letter-view.ts";
import type { LetterFate } from "../dead-letters/redrive.ts";
import type { Command } from "../schemas/commands.ts";
import type { LetterHead } from "../stores/dead-letter-store.ts";

export function headLine(letter: LetterHead): string {
  const { letterId, kind, reason, productId, commandId } = letter;
  const about = commandId === null ? "" : ` command ${commandId} of ${String(productId)}`;
  const why = JSON.stringify(reason).slice(1, -1);
  return `${letterId}  ${placeText(letter)}  ${timeText(letter.storedAt)}  ${kind}${about}: ${why}${outcomeText(letter)}`;
}

function outcomeText({ outcome, settledAt, redrivenAs, settledBecause }: LetterHead): string {
  if (outcome === null) return "";
  const as = redrivenAs === null ? "" : ` as ${redrivenAs}`;
  const because = settledBecause === null ? "" : ` (${settledBecause})`;
  return `; ${outcome}${as} ${timeText(settledAt ?? 0)}${because}`;
}

export function timeText(at: number): string {
  return new Date(at).toISOString();
}

export function* viewLines(view: LetterView): Generator<string> {
  const { letter, key, headers, keptBytes, schemaId, schemaName, content, value, breaks } = view;
  yield headLine(letter);
  yield `key      ${key === null ? "none" : shownText(key)}`;
  for (const { name, values } of headers) yield `header   ${shownText(name)}: ${values.map(shownText).join(", ")}`;
  const cut = keptBytes < letter.valueBytes ? `, of which the first ${keptBytes} are kept` : "";
  const schema = schemaId === null ? "" : `, schema ${schemaId}${schemaName === null ? "" : ` (${schemaName})`}`;
  yield `value    ${letter.valueBytes} bytes${cut}${schema}`;
  if (content !== undefined) yield jsonOf(content, 2);
  if (value !== null) yield shownText(value);
  if (letter.kind !== "undecodable") return;
  yield `breaks   ${breaks ?? "nothing: with the schemas known now it is a command"}`;
}

function shownText(shown: Shown): string {
  const more = shown.more === 0 ? "" : ` … and ${shown.more} bytes more`;
  return ("text" in shown ? JSON.stringify(shown.text) : `0x${shown.hex}`) + more;
}

export function fateLine(fate: LetterFate): string {
  const place = placeText(fate.place);
  if ("notSent" in fate) return `${place}  not sent, ${fate.notSent.code}: ${fate.notSent.says}`;
  return `${place}  redriven as ${fate.sent.commandId}: ${commandText(fate.sent)}, at ${placeText(fate.to)}`;
}

export function foreseenText(foreseen: Foreseen): string {
  if (foreseen.verdict === "waits") return "would wait: its product is parked";
  if (foreseen.verdict === "open") return "would be decided with what waits for its product then";
  const { status, reason, stockAfter, version } = foreseen.line;
  const decision = `${status}${reason === null ? "" : `, ${reason}`}, stock ${stockAfter} at version ${version}`;
  return foreseen.verdict === "repeated" ? `was decided before: ${decision}` : `would be ${decision}`;
}

export function commandText(command: Command): string {
  const { type, productId } = command;
  if ("quantity" in command) return `${type} of ${command.quantity} ${productId}`;
  return "orderId" in command ? `${type} of ${productId}, order ${command.orderId}` : `${type} of ${productId}`;
}
