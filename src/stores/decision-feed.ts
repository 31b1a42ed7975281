/** The port through which api instances hear what is decided. Messages may be lost or come twice. */
import type { Changes, DecidedUpTo, DecisionMessage } from "../schemas/decision-feed.ts";

export type DecisionListener = {
  /** From now on every message comes, as far as is known; what was published before may have been missed. */
  heard(): void;
  /** Nothing comes any more, until `heard`. */
  lost(): void;
  /** Whether anybody waits, or follows an order; when not, decisions are dropped unread. */
  wanted(): boolean;
  /** Whether anybody follows an order or a product; when not, changes are dropped unread. */
  follows(): boolean;
  /** Told of every message, read or not. Must not throw. */
  decidedUpTo(positions: DecidedUpTo): void;
  /** Must not throw. */
  told(message: Pick<DecisionMessage, "decidedAt" | "decisions">): void;
  /** Must not throw. */
  changed(changes: Changes): void;
};

export type DecisionFeed = { close(): void };
