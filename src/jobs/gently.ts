import type { Clock } from "../clock.ts";
import { sleepOn } from "../clock.ts";
import { limits } from "../limits.ts";

/**
 * The same pieces, with a pause after each: as long as it took to read it and to see to it, so that whoever reads very much takes half of the time at most, and what
 * decides orders beside it the other half.
 */
export async function* gently<Piece>(
  pieces: AsyncIterable<Piece>,
  clock: Pick<Clock, "monotonic" | "after">,
): AsyncGenerator<Piece> {
  let since = clock.monotonic();
  for await (const piece of pieces) {
    yield piece;
    await sleepOn(clock, Math.min(limits.gentlePauseMsMax, clock.monotonic() - since));
    since = clock.monotonic();
  }
}
