/** The port to what is kept for some time only: traces of what was done, that nothing else follows from. Orders, stock and the steps of orders are not among them. */

/** What expires, and by which age: of deliveries since they were settled, of alerts since they were acknowledged, of assignments since they were made, of audits since they ended. */
export const expiringKinds = ["deliveries", "alerts", "assignments", "audits"] as const;
export type ExpiringKind = (typeof expiringKinds)[number];

export type ExpiryStore = {
  /**
   * Removes at most `limit` of what is older than `days`, the oldest first, and returns how many. Only assignments of orders that are delivered or cancelled; of audits never the newest. Rejects with `StoreUnavailable` when
   * the store is away.
   */
  expire(kind: ExpiringKind, days: number, limit: number): Promise<number>;
  /** Gives up deliveries that have waited for more than `days`: their jobs are gone. Returns how many. */
  giveUpDeliveries(days: number, limit: number): Promise<number>;
};
