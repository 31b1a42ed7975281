import type { Line } from "../schemas/lines.ts";
import type { World } from "../simulation/world.ts";

/** Tells the trace of what was committed since the last call. */
export function decisionTeller({ engine, journal }: World): () => void {
  let seen = 0;
  return () => {
    if (engine.isTraced) {
      for (const { group } of journal.slice(seen)) {
        for (const line of group.lines) engine.say(describeDecision(line));
        for (const { line } of group.changes) engine.say(`now ${describeDecision(line)}`);
      }
    }
    seen = journal.length;
  };
}

function describeDecision({ type, commandId, productId, quantity, status, reason, stockAfter }: Line): string {
  const why = reason === null ? "" : ` (${reason})`;
  return `decided: ${type} ${commandId}, ${quantity} of ${productId}: ${status}${why}, ${stockAfter} in stock`;
}
