/**
 * From lines to the records of the decisions topic. Pure: what is told as it is committed and what is read back from the ledger
 * later become the same decisions, with the same positions, or consumers could not tell a repeat.
 *
 * I1 Positions are given within one commit, so that whoever reads back takes whole commits (`wholeCommits`).
 * I2 A product's decisions are in the order of decision, position and index grow, and no two are the same. The offset alone
 *    would not do: a ResumeProduct decides many commands at its own offset, and then those of its group that it found waiting,
 *    which lie below it (P13).
 */
import type { Decision, Decisions } from "../schemas/decisions.ts";
import type { Line, StoredLine } from "../schemas/lines.ts";
import { isCancelledBeforePlaced } from "./stock.ts";

/** `lines` are of one partition and of whole commits; of one offset in any order, else in the order of the log or of decision. */
export function decisionRecords<L extends Line>(
  partition: number,
  lines: readonly L[],
  decidedAtOf: (line: L) => number,
  decisionsMax: number,
): Decisions[] {
  const records: Decisions[] = [];
  for (const [productId, own] of Map.groupBy(lines, (line) => line.productId)) {
    const decided = own.filter((line) => !isCancelledBeforePlaced(line)).map(asDecided);
    if (decided.some(({ type }) => type === "ResumeProduct")) decided.sort(byDecision); // I2
    let position = -1;
    let index = 0;
    const decisions = decided.map((line): Decision => {
      index = line.offset > position ? 0 : index + 1;
      position = Math.max(position, line.offset);
      const { commandId, type, status, reason, orderId, quantity, delta, stockAfter, version, revision, offset } = line;
      const told = { commandId, type, status, reason, orderId, quantity, delta, stockAfter, version, revision, offset };
      return { position, index, ...told, decidedAt: decidedAtOf(line) };
    });
    for (let from = 0; from < decisions.length; from += decisionsMax) {
      records.push({ productId, partition, decisions: decisions.slice(from, from + decisionsMax) });
    }
  }
  return records;
}

/** How many lines of a full page, from its first, are whole commits: the last commit may go on beyond the page. */
export function wholeCommits(lines: readonly StoredLine[]): number {
  // Lines of a commit share its time. An order whose cancel came first has kept the time of that one.
  const isTimeless = ({ reason }: StoredLine): boolean => reason === "cancelled_before_placed";
  const last = lines.findLast((line) => !isTimeless(line))?.decidedAt;
  let count = lines.findLastIndex((line) => !isTimeless(line) && line.decidedAt !== last) + 1;
  // What lies at one offset is of one commit, such as a cancel and the place that it keeps for an order that has not come.
  while (count > 0 && lines[count]?.offset === lines[count - 1]?.offset) count += 1;
  return count;
}

/** The line as it was decided: that an order was cancelled or packed later is told by the decision of its cancel or packing. */
function asDecided<L extends Line>(line: L): L {
  const wasCancelledLater = line.type === "PlaceOrder" && line.status === "cancelled" && line.reason === null;
  const wasPackedLater = line.fulfilment !== null;
  return wasCancelledLater || wasPackedLater ? { ...line, status: "accepted", fulfilment: null, revision: 1 } : line;
}

/** By versions, for each decision that is accepted makes the next one; what leaves the version as it was comes after what made it. */
function byDecision(one: Line, other: Line): number {
  return (
    one.version - other.version ||
    Number(leavesVersion(one)) - Number(leavesVersion(other)) ||
    one.offset - other.offset ||
    (one.commandId < other.commandId ? -1 : 1)
  );
}

function leavesVersion({ type, status, delta }: Line): boolean {
  const isAcceptedInVain = type === "ResumeProduct" || (type === "CancelOrder" && delta === 0);
  return status !== "accepted" || isAcceptedInVain;
}
