/** The port through which api instances hear what is decided. Messages may be lost or come twice. */
import type { DecidedUpTo, DecisionMessage } from "../schemas/decision-feed.ts";

export type DecisionListener = {
  /** Whether anybody waits; when not, a message is dropped unread. */
  wanted(): boolean;
  /** Told of every message, read or not. Must not throw. */
  decidedUpTo(positions: DecidedUpTo): void;
  /** Must not throw. */
  told(message: DecisionMessage): void;
};

export type DecisionFeed = { close(): void };
