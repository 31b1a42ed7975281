/**
 * Records without a line at their own place: repeats of a command that was decided before (P1), and commands that waited and
 * were decided at the place of a ResumeProduct (P13). Both must have a line somewhere.
 */
import { limits } from "../limits.ts";
import type { Command } from "../schemas/commands.ts";
import type { Line } from "../schemas/lines.ts";
import type { AuditSnapshot } from "../stores/audit-store.ts";
import type { Findings } from "./findings.ts";

export type ElsewhereDeps = {
  readonly snapshot: Pick<AuditSnapshot, "linesById" | "resumedById" | "resumesOf">;
  readonly findings: Findings;
  readonly repeated: (commandId: string) => void;
};

type Absent = {
  readonly partition: number;
  readonly offset: number;
  readonly command: Command;
  /** It was kept, and resumed. */
  readonly isResumed: boolean;
};

/** A record, and the line of its id that stands behind it in the same partition. */
type Early = { readonly of: Absent; readonly line: Line };

export class Elsewhere {
  readonly #deps: ElsewhereDeps;
  #absent: Absent[] = [];
  /** Records that were repeats. */
  repeats = 0;

  constructor(deps: ElsewhereDeps) {
    this.#deps = deps;
  }

  /** Records that wait to be looked up. */
  get size(): number {
    return this.#absent.length;
  }

  take(absent: Absent): void {
    this.#absent.push(absent);
  }

  async lookUp(): Promise<void> {
    const absent = this.#absent;
    this.#absent = [];
    for (let from = 0; from < absent.length; from += limits.auditPageRows) {
      await this.#judge(absent.slice(from, from + limits.auditPageRows));
    }
  }

  async #judge(page: readonly Absent[]): Promise<void> {
    const { snapshot, findings, repeated } = this.#deps;
    const lines = await snapshot.linesById([...new Set(page.map(({ command }) => command.commandId))]);
    const early: Early[] = [];
    for (const of of page) {
      const { partition, offset, isResumed } = of;
      const { commandId } = of.command;
      const line = lines.get(commandId);
      if (line === undefined) {
        const what = isResumed ? "the command was resumed" : "the record is below next_offset";
        findings.add("A1", { partition, offset, commandId }, `${what}, and nothing was stored of it`);
        continue;
      }
      if (isResumed) continue;
      this.repeats += 1;
      repeated(commandId);
      if (line.partition === partition && line.offset > offset && !movedPast(of.command, line))
        early.push({ of, line });
    }
    for (const { of, line } of await this.#withoutReason(early)) {
      const { partition, offset, command } = of;
      findings.add(
        "A4",
        { partition, offset, commandId: command.commandId },
        `an earlier record than the one decided, at offset ${line.offset}`,
      );
    }
  }

  /** Those of which no parked product is the reason. */
  async #withoutReason(early: readonly Early[]): Promise<readonly Early[]> {
    if (early.length === 0) return [];
    const { snapshot } = this.#deps;
    // What waited is decided in front of what its ResumeProduct's own group had brought, and stands behind it.
    const resumed = await snapshot.resumedById(early.map(({ line }) => line.commandId));
    const suspects = early.filter(({ line }) => !resumed.has(line.commandId));
    const others = suspects.filter(({ of, line }) => of.command.productId !== line.productId);
    if (others.length === 0) return suspects;
    // What comes in its ResumeProduct's own group waits there, and leaves no dead letter. Meanwhile a command of another
    // product may take its id.
    const resumes = await snapshot.resumesOf([...new Set(others.map(({ of }) => of.command.productId))]);
    const waited = others.filter(({ of, line }) =>
      resumes
        .get(of.command.productId)
        ?.some(({ partition, offset }) => partition !== of.partition || offset > line.offset),
    );
    return suspects.filter((each) => !waited.includes(each));
  }
}

/** An order that was cancelled before it came moves to its record, past others of its id that are not that order. */
function movedPast(command: Command, line: Line): boolean {
  return (
    line.reason === "cancelled_before_placed" && (command.type !== "PlaceOrder" || command.productId !== line.productId)
  );
}
