/** The port to which products are low: what was noticed, and the looks that notice. All methods reject with `StoreUnavailable` when the store is away. */

/** A product went from above its threshold to it or below, or was there when the threshold was set. */
export type LowStockAlert = {
  /** Grows with each alert. */
  readonly id: number;
  readonly productId: string;
  /** The threshold as it was then. */
  readonly lowStockAt: number;
  /** Units, at the version whose decision crossed the threshold. */
  readonly quantity: number;
  readonly version: number;
  /** Milliseconds since 1970, as all times here. */
  readonly decidedAt: number;
  readonly raisedAt: number;
  /** Null: nobody has seen to it. */
  readonly acknowledgedAt: number | null;
  /** In their own words. */
  readonly acknowledgedBy: string | null;
};

export type AlertFilter = { readonly productId?: string; readonly acknowledged?: boolean };

export type StockLook = {
  /** The last product that was looked at; null: that was all of them. */
  readonly lookedUpTo: string | null;
  /** Raised by this look. */
  readonly alerts: number;
  /** Some were left with decisions that were not looked at. */
  readonly isMore: boolean;
};

export type LowStockStore = {
  /**
   * Goes on with what was decided of at most `watchesMax` products with a threshold, behind `after` in the order of their ids ("": from the
   * first), and raises an alert for each crossing: once, whoever looks at the same time. Reads about `linesMax` decisions, and one product's next commit at least.
   */
  look(after: string, watchesMax: number, linesMax: number): Promise<StockLook>;
  /** Newest first, those older than `before` (null: from the newest). */
  alerts(filter: AlertFilter, before: number | null, limit: number): Promise<LowStockAlert[]>;
  /** The alert as it is then; who came first stays. Null: there is none. */
  acknowledge(alertId: number, by: string | null): Promise<LowStockAlert | null>;
};
