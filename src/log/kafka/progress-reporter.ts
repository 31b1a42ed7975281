/**
 * Commits offsets to Kafka's group as a hint for lag tools. The truth about progress is in PostgreSQL; so this is slow
 * on purpose, keeps only the latest, and whatever goes wrong is left to the next time.
 */
export type ProgressReporter = {
  /** Never throws. */
  report(nextOffsets: ReadonlyMap<number, number>): void;
  /** Commits now what is not committed yet; never rejects. */
  flush(): Promise<void>;
  /** Forgets what is not committed yet. */
  clear(): void;
};

export const createProgressReporter = (
  intervalMs: number,
  commit: (nextOffsets: ReadonlyMap<number, number>) => Promise<void>,
): ProgressReporter => {
  let pending = new Map<number, number>();
  let timer: NodeJS.Timeout | undefined;

  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    if (pending.size === 0) return;
    const offsets = pending;
    pending = new Map();
    try {
      await commit(offsets);
    } catch {
      // A hint. During a rebalance the broker refuses it, and the next owner reports.
    }
  };

  return {
    report: (nextOffsets) => {
      for (const [partition, offset] of nextOffsets) pending.set(partition, offset);
      timer ??= setTimeout(() => void flush(), intervalMs).unref();
    },
    flush,
    clear: () => {
      clearTimeout(timer);
      timer = undefined;
      pending.clear();
    },
  };
};
