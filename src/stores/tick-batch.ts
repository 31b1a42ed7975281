/**
 * One question instead of many: what is asked within one turn of the event loop goes out together.
 *
 * I1 Every item gets its own result, in its own place, or the error of its batch.
 * I2 A batch has at most `sizeMax` items; what is more goes out in further batches of the same turn.
 */
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";

type Waiting<Item, Result> = {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
};

/** `run` returns one result for each item, in order. */
export function createTickBatch<Item, Result>(
  sizeMax: number,
  run: (items: readonly Item[]) => Promise<readonly Result[]>,
  clock: Pick<Clock, "soon"> = systemClock,
): (item: Item) => Promise<Result> {
  let waiting: Waiting<Item, Result>[] = [];

  const settle = async (batch: readonly Waiting<Item, Result>[]): Promise<void> => {
    try {
      const results = await run(batch.map(({ item }) => item));
      if (results.length !== batch.length) throw new Error(`${results.length} results for ${batch.length} items`);
      results.forEach((result, index) => batch[index]?.resolve(result)); // I1
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };
  const flush = (): void => {
    const all = waiting;
    waiting = [];
    for (let at = 0; at < all.length; at += sizeMax) void settle(all.slice(at, at + sizeMax)); // I2
  };

  return (item) =>
    new Promise((resolve, reject) => {
      // After this turn's input has been read, not before: requests of several connections then share the batch.
      if (waiting.length === 0) clock.soon(flush);
      waiting.push({ item, resolve, reject });
    });
}
