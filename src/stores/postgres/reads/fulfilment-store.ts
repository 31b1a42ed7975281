import type pg from "pg";
import type { FulfilmentStep } from "../../../schemas/order-document.ts";
import { stepBefore } from "../../fulfilment-store.ts";
import type { DoneStep, FulfilmentStore } from "../../fulfilment-store.ts";
import { uuidArray } from "../binary-arrays.ts";
import { advanceFulfilmentSql, fulfilmentStepsSql } from "./fulfilment-steps.ts";
import { createQuery } from "./query.ts";
import { createTransaction } from "./transaction.ts";

type StepRow = { order_id: string; step: FulfilmentStep; actor: string | null; request_id: string; done_at: Date };

/** `pool` stays the caller's. */
export function createPostgresFulfilmentStore(pool: pg.Pool): FulfilmentStore {
  const query = createQuery(pool);
  const transaction = createTransaction(pool);
  const steps = async (orderIds: readonly string[]): Promise<(readonly DoneStep[])[]> => {
    if (orderIds.length === 0) return [];
    const rows = await query<StepRow>(fulfilmentStepsSql, [uuidArray(orderIds)]);
    const byOrder = Map.groupBy(rows, (row) => row.order_id);
    return orderIds.map((id) => (byOrder.get(id) ?? []).map(doneStep));
  };
  return {
    steps,
    advance: async ({ orderId, step, actor, requestId }, beforeCommit) => {
      await transaction(async (ask) => {
        const added = await ask(advanceFulfilmentSql, [orderId, step, actor, requestId, stepBefore(step)]);
        if (added.length > 0) await beforeCommit?.();
      });
      const [done] = await steps([orderId]);
      return done ?? [];
    },
  };
}

const doneStep = ({ step, actor, request_id: requestId, done_at: doneAt }: StepRow): DoneStep => {
  return { step, actor, requestId, doneAt: doneAt.getTime() };
};
