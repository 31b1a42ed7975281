/**
 * Deliveries as the worker sees them. I1 A delivery and its job come together: the job is put into the queue by the transaction that notes it. So each has one, whoever
 * dies in between, however many workers look.
 */
import type pg from "pg";
import type { Enqueue } from "../../queue/queue.ts";
import type { DeliveryStore, DueDelivery } from "../webhook-store.ts";
import { uuidArray } from "./binary-arrays.ts";
import { storeError } from "./errors.ts";
import {
  disableLateSql,
  dueDeliverySql,
  queuedDeliveriesSql,
  recordAttemptSql,
  tellDecisionsSql,
  unqueuedDeliveriesSql,
} from "./statements/deliveries.ts";
import { transaction } from "./transaction.ts";
import type { Statement } from "./reads/query.ts";

type DueRow = {
  delivery_id: string;
  webhook_id: string;
  event_id: string;
  type: string;
  state: DueDelivery["state"];
  body: string;
  url: string;
  is_enabled: boolean;
  secrets: string[];
};

/** `pool` stays the caller's. */
export function createPostgresDeliveryStore(pool: pg.Pool, enqueue: Enqueue): DeliveryStore {
  const ask = async <Row extends pg.QueryResultRow>(statement: Statement, values: unknown[]): Promise<Row[]> => {
    try {
      return (await pool.query<Row>({ ...statement, values })).rows;
    } catch (error) {
      throw storeError(error);
    }
  };
  return {
    tellDecisions: async (linesMax) => {
      const [row] = await ask<{ is_more: boolean }>(tellDecisionsSql, [linesMax]);
      return row?.is_more === true;
    },
    enqueue: async (limit) => {
      try {
        return await transaction(pool, async (client) => {
          const { rows } = await client.query<{ delivery_id: string; webhook_id: string }>({
            ...unqueuedDeliveriesSql,
            values: [limit],
          });
          if (rows.length === 0) return 0;
          const jobs = rows.map((row) => ({ data: { deliveryId: row.delivery_id }, group: row.webhook_id }));
          await enqueue(client, "deliver-webhook", jobs); // I1
          await client.query({ ...queuedDeliveriesSql, values: [uuidArray(rows.map((row) => row.delivery_id))] });
          return rows.length;
        });
      } catch (error) {
        throw storeError(error);
      }
    },
    due: async (deliveryId) => {
      const [row] = await ask<DueRow>(dueDeliverySql, [deliveryId]);
      return row === undefined ? null : dueOf(row);
    },
    record: async (deliveryId, attempt, verdict) => {
      const { durationMs = 0, status = null, error = null, answer = null } = attempt ?? {};
      const values = [deliveryId, verdict, attempt !== null, Math.round(durationMs), status, error, answer];
      const [row] = await ask<{ because: string | null }>(recordAttemptSql, values);
      return { disabledBecause: row?.because ?? null };
    },
    disableLate: async (pendingMax) => (await ask(disableLateSql, [pendingMax])).length,
  };
}

const dueOf = (row: DueRow): DueDelivery => ({
  id: row.delivery_id,
  webhookId: row.webhook_id,
  eventId: row.event_id,
  type: row.type,
  state: row.state,
  body: row.body,
  url: row.url,
  isEnabled: row.is_enabled,
  secrets: row.secrets,
});
