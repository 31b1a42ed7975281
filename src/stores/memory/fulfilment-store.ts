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
    advance: ({ orderId, step, actor, requestId }) => {
      const done = stepsOf(orderId);
      const isAllowed = done.at(-1)?.step === stepBefore(step);
      const added: DoneStep = { step, actor, requestId, doneAt: now() };
      if (isAllowed) later.set(orderId, [...(later.get(orderId) ?? []), added]);
      return Promise.resolve(stepsOf(orderId));
    },
  };
}
