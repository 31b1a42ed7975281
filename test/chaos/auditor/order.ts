/**
 * C5: a product's commands are decided in the order in which they were acknowledged, wherever somebody waited for one
 * acknowledgement before another command was sent for the first time, be it the same client or not.
 */
import type { Evidence } from "./evidence.ts";
import { nameOf, nameOfLine } from "./identity.ts";
import { sequenceOf } from "./sequence.ts";

export function wrongOrder({ commands, lines }: Evidence): string[] {
  const wrong: string[] = [];
  const sent = new Map(commands.map((command) => [nameOf(command), command]));
  for (const [productId, ofProduct] of Map.groupBy(lines, (line) => line.product_id)) {
    const decided = sequenceOf(ofProduct, []).flatMap((line) => sent.get(nameOfLine(line)) ?? []);
    // From the end: of all that was decided later, the one that was acknowledged first.
    let first: (typeof decided)[number] | undefined;
    for (const command of decided.toReversed()) {
      if (first !== undefined && (first.ackedAt ?? Infinity) < command.firstSentAt)
        wrong.push(
          `${productId}: ${nameOf(first)} was acknowledged before ${nameOf(command)} was sent, and is decided after it`,
        );
      if (command.ackedAt !== null && command.ackedAt < (first?.ackedAt ?? Infinity)) first = command;
    }
  }
  return wrong;
}
