/**
 * Goes on with a parked product: sends ResumeProduct commands, one after another, until nothing waits; where the store still refuses,
 * each asks for half as many commands, until the one in the way is alone.
 *
 * Who owns what: the owner of the product's partition decides what waits; this only asks, and reads what became of it.
 *
 * I1 One ResumeProduct is under way at a time; the next is sent when the one before has its line.
 * I2 Nothing is given up but what stood in the way alone, and only where that was asked for.
 */
import type { limits } from "../limits.ts";
import type { ResumeProduct } from "../schemas/commands.ts";
import type { StoredLine } from "../schemas/lines.ts";
import type { DeadLetterStore, LetterHead } from "../stores/dead-letter-store.ts";
import type { LedgerStore, Place } from "../stores/ledger-store.ts";

export type ResumeDeps = {
  readonly letters: Pick<DeadLetterStore, "parkedProduct" | "list" | "settle">;
  readonly ledger: Pick<LedgerStore, "linesById">;
  /** Appends it to its partition. */
  readonly send: (command: ResumeProduct) => Promise<Place>;
  readonly newCommandId: () => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly tell: (step: ResumeStep) => void;
  readonly signal: AbortSignal;
  /** How long each ResumeProduct may wait for its decision. */
  readonly waitMs: number;
  readonly limits: Pick<typeof limits, "resumeCommandsMax" | "resumePollMs" | "discardsInARowMax">;
};

export type ResumeStep =
  | { readonly step: "decided"; readonly commands: number; readonly waiting: number }
  | { readonly step: "refused"; readonly suspects: number }
  | { readonly step: "discarded"; readonly letter: LetterHead };

export type ResumeEnd = { readonly decided: number; readonly discarded: number } & (
  | { readonly end: "resumed" }
  | { readonly end: "not_parked" }
  /** Null: nothing waits, and the store refuses to let the product go on all the same. */
  | { readonly end: "in_the_way"; readonly letter: LetterHead | null }
  /** So many were given up, one after another, that the store itself is suspected. */
  | { readonly end: "all_refused" }
  | { readonly end: "not_decided"; readonly commandId: string; readonly place: Place }
);

/** Rejects as the ports do, and with the signal's reason. */
export async function resume(deps: ResumeDeps, productId: string, discardRefused: boolean): Promise<ResumeEnd> {
  const { letters, limits, tell } = deps;
  const counts = { decided: 0, discarded: 0 };
  if ((await letters.parkedProduct(productId)) === null) return { ...counts, end: "not_parked" };
  let discardsInARow = 0;
  /** Commands, from the first one that waits, among which one is refused; undefined: none is known to be. */
  let suspects: number | undefined;
  for (;;) {
    const commandsMax = suspects === undefined ? limits.resumeCommandsMax : Math.max(1, Math.floor(suspects / 2));
    const asked = await ask(deps, productId, commandsMax); // I1
    if ("end" in asked) return { ...counts, ...asked };
    const { reason, quantity } = asked;
    const parked = await letters.parkedProduct(productId);
    if (parked === null) {
      const decided = counts.decided + quantity;
      if (reason === null) tell({ step: "decided", commands: quantity, waiting: 0 });
      return { ...counts, decided, end: "resumed" };
    }
    if (reason === null) {
      counts.decided += quantity;
      if (quantity > 0) discardsInARow = 0;
      if (suspects !== undefined) suspects = suspects > quantity ? suspects - quantity : undefined;
      tell({ step: "decided", commands: quantity, waiting: parked.waiting });
      continue;
    }
    if (reason === "not_parked") continue; // It has parked again since.
    suspects = Math.min(commandsMax, parked.waiting);
    tell({ step: "refused", suspects });
    if (suspects > 1) continue;
    const [letter = null] = await letters.list({ productId, kinds: ["refused", "waiting"] }, 0, 1);
    if (letter === null || !discardRefused) return { ...counts, end: "in_the_way", letter };
    if (discardsInARow === limits.discardsInARowMax) return { ...counts, end: "all_refused" };
    const because = "refused again when its product was resumed";
    if (await letters.settle(letter, { outcome: "discarded", because })) {
      tell({ step: "discarded", letter }); // I2
      counts.discarded += 1;
    }
    discardsInARow += 1;
    suspects = undefined;
  }
}

/** Sends one ResumeProduct and waits for its line. */
async function ask(
  deps: ResumeDeps,
  productId: string,
  commandsMax: number,
): Promise<StoredLine | { readonly end: "not_decided"; readonly commandId: string; readonly place: Place }> {
  const { ledger, send, newCommandId, now, sleep, signal, waitMs, limits } = deps;
  signal.throwIfAborted();
  const commandId = newCommandId();
  const place = await send({ type: "ResumeProduct", commandId, productId, commandsMax, issuedAt: now() });
  const deadline = now() + waitMs;
  for (;;) {
    const line = (await ledger.linesById([commandId])).get(commandId);
    if (line !== undefined) return line;
    signal.throwIfAborted();
    if (now() > deadline) return { end: "not_decided", commandId, place };
    await sleep(limits.resumePollMs);
  }
}
