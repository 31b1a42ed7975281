/** The port to how far orders are on their way: the steps of each, packed by processors and the later ones by whoever asks. */
import type { FulfilmentStep } from "../schemas/order-document.ts";

export type DoneStep = {
  readonly step: FulfilmentStep;
  /** Who asked for it, in their words. */
  readonly actor: string | null;
  /** The request that did it; of packed, the command's id. */
  readonly requestId: string;
  /** Milliseconds since 1970, by the store's clock. */
  readonly doneAt: number;
};
/** In the order in which they are done. */
export const fulfilmentSteps = ["packed", "out_for_delivery", "delivered"] as const satisfies readonly FulfilmentStep[];
export type LaterStep = Exclude<FulfilmentStep, "packed">;

export type WantedStep = Omit<DoneStep, "step" | "doneAt"> & { readonly orderId: string; readonly step: LaterStep };

/** The commit, which `limits.commitTimeoutMs` after the transaction was begun can't come any more, waits for it; not called where nothing is changed. */
export type BeforeCommit = () => Promise<void>;

/** All methods reject with `StoreUnavailable` when the store is away. */
export type FulfilmentStore = {
  /**
   * Adds the step where the one before it is done and it is not; else changes nothing. Resolves with the order's steps as they
   * are then, in their order: whether the step is there, and by which request, tells what became of this one.
   */
  advance(wanted: WantedStep, beforeCommit?: BeforeCommit): Promise<readonly DoneStep[]>;
  /** One result for each order, in order; empty: it is not packed, or not known. */
  steps(orderIds: readonly string[]): Promise<(readonly DoneStep[])[]>;
};

/** The step that must be done before. */
export function stepBefore(step: LaterStep): FulfilmentStep {
  return step === "delivered" ? "out_for_delivery" : "packed";
}
