/**
 * Bounds what this process appends while PostgreSQL is away (DESIGN: orders of known products go on "up to a bounded
 * backlog"). How far the log is decided can't be read then, so that the bound is on what was appended here since PostgreSQL
 * was last seen: with several instances each has its own.
 *
 * I1 The count begins anew whenever PostgreSQL is seen. What is appended between its loss and the probe that notices it is
 *    counted too.
 * I2 Nothing is refused while PostgreSQL is there: the log is durable, and a backlog in it, however long, takes no memory.
 * I3 A record counts once the log has acknowledged it. Were those of unknown fate counted, a log that is away too would fill
 *    the backlog with nothing. What waits for the log comes on top, and has bounds of its own (order-writer.ts).
 */
import { limits } from "../limits.ts";
import { dependencyNames } from "../ops/health.ts";
import type { Health } from "../ops/health.ts";

export type StoreAwayBacklog = {
  /** Whether one more record may be handed to the log. */
  hasRoom(): boolean;
  /** The log has acknowledged a record. */
  add(): void;
};

export function createStoreAwayBacklog(
  health: Pick<Health, "stateOf" | "lastUpAt">,
  recordsMax: number = limits.storeAwayBacklogRecordsMax,
): StoreAwayBacklog {
  let records = 0;
  let seenAt: number | undefined;

  const forgetWhenSeen = (): void => {
    const lastUpAt = health.lastUpAt(dependencyNames.store);
    if (lastUpAt === seenAt) return;
    seenAt = lastUpAt;
    records = 0; // I1
  };

  return {
    hasRoom: () => {
      if (health.stateOf(dependencyNames.store) !== "down") return true; // I2
      forgetWhenSeen();
      return records < recordsMax;
    },
    add: () => {
      forgetWhenSeen();
      records += 1;
    },
  };
}
