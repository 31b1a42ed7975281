/** Judges what the decisions topic of a simulated world was told (I14), as a consumer that does what docs/consuming.md says. */
import assert from "node:assert/strict";
import { DecisionsView } from "../../examples/consumers/decisions-view.ts";
import type { Decision, Decisions } from "../../src/schemas/decisions.ts";
import type { World } from "../../src/simulation/world.ts";

/** What is wrong; undefined: nothing. */
export function wrongInDecisions({ decisions, ledger, journal }: World): string | undefined {
  const view = new DecisionsView();
  const told = new Map<string, Decision>();
  const newest = new Map<string, readonly number[]>();
  const commits = new Map<string, number>();
  for (const [number, { group }] of journal.entries()) {
    for (const line of [...group.lines, ...group.changes.map((change) => change.line)]) {
      // A line that changes is decided anew only where it was but the place of an order that had not come.
      if (!commits.has(line.commandId) || line.reason === "cancelled_before_placed")
        commits.set(line.commandId, number);
    }
  }
  for (const [partition] of decisions.partitions.entries()) {
    for (const { value } of decisions.read(partition, 0, decisions.end(partition))) {
      const record = JSON.parse(value?.toString() ?? "") as Decisions;
      for (const decision of view.take(record)) {
        const { commandId, version, position, index } = decision;
        if (told.has(commandId)) return `${commandId} is told twice`;
        told.set(commandId, decision);
        const source = `${record.productId} ${record.partition}`;
        const place = [commits.get(commandId) ?? -1, version];
        const before = newest.get(source) ?? [-1, -1];
        if (place.some((each, which) => each < (before[which] ?? 0)))
          return `${commandId} (${position}, ${index}) is told after what was decided later`;
        newest.set(source, place);
      }
    }
  }
  for (const line of ledger.lines.values()) {
    const { commandId, type, status, reason, delta, stockAfter, version, partition, offset } = line;
    const decision = told.get(commandId);
    const neverCame = type === "PlaceOrder" && line.unitPriceCents === null;
    if (decision === undefined && neverCame) continue;
    if (decision === undefined) return `${commandId}, decided at ${partition}@${offset}, was never told`;
    const then = type === "PlaceOrder" && reason === null ? "accepted" : status;
    const wanted = { status: then, reason, delta, stockAfter, version, offset };
    const { status: toldStatus, reason: toldReason, ...rest } = decision;
    const is = { status: toldStatus, reason: toldReason, delta: rest.delta, stockAfter: rest.stockAfter, version: rest.version, offset: rest.offset }; // prettier-ignore
    try {
      assert.deepEqual(is, wanted);
    } catch {
      return `${commandId} is told as ${JSON.stringify(is)}, and was decided as ${JSON.stringify(wanted)}`;
    }
  }
  if (told.size > ledger.lines.size) return "something is told that was never decided";
  for (const [productId, { quantity, version }] of ledger.stock) {
    const seen = view.stock.get(productId);
    if (seen?.quantity !== quantity || seen.version !== version) return `a consumer's stock of ${productId} is wrong`;
  }
  for (const { commandId, type, status } of ledger.lines.values()) {
    if (type === "PlaceOrder" && view.orders.get(commandId) !== status)
      return `a consumer's order ${commandId} is wrong`;
  }
  return undefined;
}
