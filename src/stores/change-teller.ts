/**
 * The port through which an api tells all instances what a request of its own has changed, once that is committed: over the feed of
 * decisions, and like these it may be lost or come twice. Who follows something reads again what was lost.
 */
import type { Changes } from "../schemas/decision-feed.ts";

export type ChangeTeller = {
  /** Rejects with `CacheUnavailable`. */
  tell(changes: Pick<Changes, "ways" | "products">): Promise<void>;
};
