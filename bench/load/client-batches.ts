// Batches through `tallyman/client`, as a producer sends them that has orders in memory: ids, retries and results included.
import { createClient } from "tallyman/client";
import { percentilesOf } from "../support/percentiles.ts";
import { createProductDraw } from "./distributions.ts";
import type { ClientBatches, LoadResult, Started } from "./loads.ts";

export async function placeBatches(load: ClientBatches, started: Started): Promise<LoadResult> {
  const client = createClient({ url: new URL(load.url).origin });
  const draw = createProductDraw(load.productIds, load.distribution, Math.random);
  const statuses: Record<string, number> = {};
  const times: number[] = [];
  started();
  const startedAt = Date.now();
  const endsAt = performance.now() + load.seconds * 1000;

  const producer = async (): Promise<void> => {
    let inBatch = 0;
    let from = performance.now();
    function* orders() {
      // Whole batches only: a smaller one at the end would be another load.
      while (inBatch % load.lines !== 0 || performance.now() < endsAt) {
        if (inBatch++ % load.lines === 0) from = performance.now();
        yield { productId: draw(), quantity: 1 };
      }
    }
    let answered = 0;
    for await (const { status } of client.placeMany(orders(), { batchSize: load.lines })) {
      const told = status === "failed" ? "failed" : "taken";
      statuses[told] = (statuses[told] ?? 0) + 1;
      if (++answered % load.lines === 0) times.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: load.connections }, producer));
  return { startedAt, endedAt: Date.now(), statuses, errors: 0, resent: 0, ...percentilesOf(times) };
}
