/** The steps of orders in memory: packed as the ledger says it, the later ones beside it. */
import { stepBefore } from "../fulfilment-store.ts";
import type { DoneStep, FulfilmentStore } from "../fulfilment-store.ts";
import type { StoredLine } from "../../schemas/lines.ts";

export function createMemoryFulfilmentStore(
  lines: ReadonlyMap<string, StoredLine>,
  now: () => number,
): FulfilmentStore & { deliveredAt(orderId: string): number | undefined } {
  const later = new Map<string, DoneStep[]>();
  const stepsOf = (orderId: string): readonly DoneStep[] => {
    if (lines.get(orderId)?.fulfilment !== "packed") return [];
    const pack = [...lines.values()].find(
      (line) => line.type === "PackOrder" && line.orderId === orderId && line.reason === null,
    );
    if (pack === undefined) return [];
    const { actor, commandId: requestId, decidedAt: doneAt } = pack;
    return [{ step: "packed", actor, requestId, doneAt }, ...(later.get(orderId) ?? [])];
  };
  return {
    /** When the order was delivered; undefined: not yet. */
    deliveredAt: (orderId) => stepsOf(orderId).find(({ step }) => step === "delivered")?.doneAt,
    steps: (orderIds) => Promise.resolve(orderIds.map(stepsOf)),
    advance: async ({ orderId, step, actor, requestId }, beforeCommit) => {
      const isAllowed = (): boolean => stepsOf(orderId).at(-1)?.step === stepBefore(step);
      if (isAllowed()) await beforeCommit?.();
      const added: DoneStep = { step, actor, requestId, doneAt: now() };
      if (isAllowed()) later.set(orderId, [...(later.get(orderId) ?? []), added]);
      return stepsOf(orderId);
    },
  };
}
