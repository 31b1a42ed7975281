/**
 * Commands that may not be sent yet, because their product moves, or because nobody knows where it is (P19).
 *
 * I1 They leave in the order in which they came, in one turn; what stays keeps its order.
 * I2 Each one is sent or refused, once, `holdMs` after it came at the latest.
 * I3 At most `heldCommandsMax` wait.
 */
import type { Clock } from "../clock.ts";
import type { Metrics } from "../ops/metrics.ts";

export type HeldCommand = {
  readonly productId: string;
  readonly send: (partition: number) => void;
  readonly refuse: () => void;
};

export type HeldCommands = {
  readonly isFull: () => boolean;
  readonly add: (command: HeldCommand) => void;
  /** Sends those whose partition is known. */
  readonly release: (partitionFor: (productId: string) => number | undefined) => void;
  readonly refuseAll: () => void;
};

export type HeldCommandsOptions = {
  readonly clock: Pick<Clock, "monotonic" | "after">;
  readonly metrics: Pick<Metrics, "heldCommands">;
  readonly bounds: { readonly holdMs: number; readonly heldCommandsMax: number };
};

type Entry = HeldCommand & { readonly deadline: number };

export function createHeldCommands({ clock, metrics, bounds }: HeldCommandsOptions): HeldCommands {
  let entries: Entry[] = [];
  let cancelTimer: (() => void) | undefined;

  const keep = (left: Entry[]): void => {
    entries = left;
    metrics.heldCommands.set(left.length);
  };
  /** Deadlines grow in the order of the queue, so that one timer for the first of them is enough. */
  const watch = (): void => {
    cancelTimer = undefined;
    const time = clock.monotonic();
    const late = entries.filter(({ deadline }) => deadline <= time);
    keep(entries.slice(late.length));
    arm();
    for (const entry of late) entry.refuse(); // I2
  };
  const arm = (): void => {
    const [first] = entries;
    if (first === undefined) return;
    cancelTimer ??= clock.after(Math.max(1, first.deadline - clock.monotonic()), watch);
  };

  return {
    isFull: () => entries.length >= bounds.heldCommandsMax, // I3
    add: (command) => {
      entries.push({ ...command, deadline: clock.monotonic() + bounds.holdMs });
      metrics.heldCommands.set(entries.length);
      arm();
    },
    release: (partitionFor) => {
      const placed = entries.map((entry) => ({ entry, partition: partitionFor(entry.productId) }));
      keep(placed.filter(({ partition }) => partition === undefined).map(({ entry }) => entry));
      for (const { entry, partition } of placed) if (partition !== undefined) entry.send(partition); // I1
    },
    refuseAll: () => {
      const all = entries;
      keep([]);
      cancelTimer?.();
      cancelTimer = undefined;
      for (const entry of all) entry.refuse();
    },
  };
}
