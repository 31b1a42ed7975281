import type pg from "pg";
import type { FulfilmentStep } from "../../../schemas/order-document.ts";
import { noTracking } from "../../tracking-store.ts";
import type { Tracking, TrackingStore } from "../../tracking-store.ts";
import { uuidArray } from "../binary-arrays.ts";
import { orderTrackingSql } from "./order-tracking.ts";
import { createQuery } from "./query.ts";

type TrackingRow = {
  order_id: string;
  revision: number;
  step: FulfilmentStep | null;
  driver_id: string | null;
  name: string | null;
};

/** `pool` stays the caller's. */
export function createPostgresTrackingStore(pool: pg.Pool): TrackingStore {
  const query = createQuery(pool);
  return {
    tracking: async (orderIds) => {
      if (orderIds.length === 0) return [];
      const rows = await query<TrackingRow>(orderTrackingSql, [uuidArray(orderIds)]);
      const byOrder = new Map(rows.map((row) => [row.order_id, trackingOf(row)]));
      return orderIds.map((id) => byOrder.get(id) ?? noTracking);
    },
  };
}

const trackingOf = ({ revision, step, driver_id: driverId, name }: TrackingRow): Tracking => ({
  revision,
  fulfilment: step,
  driver: driverId === null ? null : { driverId, name: name ?? "" },
});
