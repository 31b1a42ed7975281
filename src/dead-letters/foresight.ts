/** What would be decided if letters were redriven now: the real decider, in memory, on what is stored. Writes nothing. */
import { decideGroup } from "../processors/decide-group.ts";
import type { Command } from "../schemas/commands.ts";
import type { Line } from "../schemas/lines.ts";
import type { LedgerStore, Prefetch } from "../stores/ledger-store.ts";
import type { Ready } from "./redrive.ts";

export type Foreseen =
  | { readonly verdict: "accepted" | "rejected" | "cancelled"; readonly line: Line }
  /** Decided before, under the same id. */
  | { readonly verdict: "repeated"; readonly line: Line }
  /** Its product is parked. */
  | { readonly verdict: "waits" }
  /** A ResumeProduct: it depends on what waits when it comes. */
  | { readonly verdict: "open" };

/** One answer for each, in order: they are decided one after another, as if nothing else came in between. */
export async function foresee(
  ledger: Pick<LedgerStore, "prefetch">,
  letters: readonly Pick<Ready, "command">[],
): Promise<Foreseen[]> {
  const commands = letters.map(({ command }) => command).filter(({ type }) => type !== "ResumeProduct");
  const found = await ledger.prefetch(wantedBy(commands));
  const entries = commands.map((command, offset) => ({ command, partition: 0, offset }));
  const group = decideGroup(entries, {
    base: () => undefined,
    found,
    waiting: new Map(),
    encode: () => Buffer.alloc(0), // Nothing is kept.
  });
  const answers = new Map(group.answers.map((answer) => [answer.line.commandId, answer]));
  return letters.map(({ command }): Foreseen => {
    if (command.type === "ResumeProduct") return { verdict: "open" };
    const answer = answers.get(command.commandId);
    if (answer === undefined) return { verdict: "waits" };
    const { line, repeated } = answer;
    return { verdict: repeated ? "repeated" : line.status, line };
  });
}

function wantedBy(commands: readonly Command[]): Prefetch {
  const productIds = new Set<string>();
  const commandIds = new Set<string>();
  const versions: Prefetch["versions"][number][] = [];
  for (const command of commands) {
    productIds.add(command.productId);
    commandIds.add(command.commandId);
    if ("orderId" in command) commandIds.add(command.orderId);
    if (command.type === "CountStock" && command.asOfVersion !== null) {
      versions.push({ productId: command.productId, version: command.asOfVersion });
    }
  }
  return { productIds: [...productIds], commandIds: [...commandIds], versions };
}
