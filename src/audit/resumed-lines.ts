/**
 * Lines at the place of a ResumeProduct: the commands that had waited for its product, decided there in the order in which
 * they came (P13, A19). What they say is held against the dead letters that kept them; looked up together, a page at a time.
 */
import type { CommandCodec } from "../schemas/codec.ts";
import type { Line } from "../schemas/lines.ts";
import type { AuditSnapshot, ResumedLetter } from "../stores/audit-store.ts";
import type { Findings } from "./findings.ts";
import { decode } from "./reading.ts";
import { contentDifferences, isTombstoneOf, tombstoneDifferences } from "./record-content.ts";

export type ResumedDeps = {
  readonly snapshot: Pick<AuditSnapshot, "resumedById">;
  readonly codec: Pick<CommandCodec, "decode" | "learn">;
  readonly findings: Findings;
};

type Place = { readonly partition: number; readonly offset: number };
type Resume = { readonly place: Place; readonly own: Line; readonly lines: readonly Line[] };
type Waited = { readonly letterId: number; readonly differences: readonly string[] };

export class ResumedLines {
  readonly #deps: ResumedDeps;
  #resumes: Resume[] = [];
  /** Lines that wait to be looked up. */
  size = 0;

  constructor(deps: ResumedDeps) {
    this.#deps = deps;
  }

  /** `own` is the line of the ResumeProduct, `others` are all others at its place: at most two for each command it decided. */
  take(place: Place, own: Line, others: readonly Line[]): void {
    const { findings } = this.#deps;
    const lines: Line[] = [];
    for (const line of others) {
      const cancel = cancelBefore(line, others);
      if (cancel === undefined) lines.push(line);
      else {
        const { productId, issuedAt } = cancel;
        const differences = tombstoneDifferences({ orderId: line.commandId, productId, issuedAt }, line);
        for (const each of differences) findings.add("A3", { ...place, commandId: line.commandId }, each);
      }
    }
    if (own.quantity < lines.length) {
      const says = `it decided ${own.quantity} commands, and there are lines of ${lines.length}`;
      findings.add("A19", { ...place, commandId: own.commandId }, says);
    }
    if (lines.length === 0) return;
    this.#resumes.push({ place, own, lines });
    this.size += lines.length;
  }

  async lookUp(): Promise<void> {
    const resumes = this.#resumes;
    this.#resumes = [];
    this.size = 0;
    for (const { place, own, lines } of resumes) {
      const letters = await this.#deps.snapshot.resumedById(lines.map(({ commandId }) => commandId));
      await this.#judge(place, own, lines, letters);
    }
  }

  async #judge(
    place: Place,
    own: Line,
    lines: readonly Line[],
    letters: ReadonlyMap<string, readonly ResumedLetter[]>,
  ): Promise<void> {
    const { findings } = this.#deps;
    let last = 0;
    for (const line of lines.toSorted((a, b) => a.version - b.version)) {
      const at = { ...place, commandId: line.commandId };
      const ofProduct = (letters.get(line.commandId) ?? []).filter(({ productId }) => productId === own.productId);
      const waited = await this.#waitedAs(line, ofProduct);
      if (waited === undefined) {
        findings.add("A2", at, `the record there is of command ${own.commandId}, and this one did not wait`);
        continue;
      }
      for (const each of waited.differences) findings.add("A3", at, each);
      // What moved nothing has the version of what came before it, as others may: that tells no order.
      if (line.reason !== null || (line.type === "CancelOrder" && line.quantity === 0)) continue;
      if (waited.letterId < last) findings.add("A19", at, "it was decided after one that had come later");
      last = waited.letterId;
    }
  }

  /** The letter that the line came from: the first of its kind, for what is repeated changes nothing (P1). */
  async #waitedAs(line: Line, letters: readonly ResumedLetter[]): Promise<Waited | undefined> {
    let other: Waited | undefined;
    for (const { letterId, key, value } of letters) {
      const decoded = await decode(this.#deps.codec, key, value);
      if (decoded.kind !== "command") other ??= { letterId, differences: ["its dead letter can't be read"] };
      else {
        const found = { letterId, differences: contentDifferences(decoded.command, line) };
        if (decoded.command.type === line.type) return found;
        other ??= found;
      }
    }
    return other;
  }
}

/** Of an order that has not come: the cancel beside it. */
function cancelBefore(line: Line, others: readonly Line[]): Line | undefined {
  if (line.type !== "PlaceOrder" || line.unitPriceCents !== null) return undefined;
  return others.find(
    ({ type, orderId }) => type === "CancelOrder" && orderId !== null && isTombstoneOf({ orderId }, line),
  );
}
