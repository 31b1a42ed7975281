// Batches as NDJSON, their bodies made beforehand and sent again and again: orders without ids are new ones each time.
import { Pool } from "undici";
import { percentilesOf } from "../support/percentiles.ts";
import { createProductDraw } from "./distributions.ts";
import type { Batches, LoadResult, Started } from "./loads.ts";

const bodiesMade = 16;
const failed = '"status":"failed"';
const refused = '"retryAfter":';

export async function sendBatches(load: Batches, started: Started): Promise<LoadResult> {
  const { origin, pathname } = new URL(load.url);
  await using stack = new AsyncDisposableStack();
  const pool = stack.adopt(
    new Pool(origin, { connections: load.connections, headersTimeout: 60_000, bodyTimeout: 60_000 }),
    (opened) => opened.close(),
  );
  const draw = createProductDraw(load.productIds, load.distribution, Math.random);
  const bodies = Array.from({ length: bodiesMade }, () => {
    const lines = Array.from({ length: load.lines }, () => `${JSON.stringify({ productId: draw(), quantity: 1 })}\n`);
    return Buffer.from(lines.join(""));
  });
  const times: number[] = [];
  const statuses: Record<string, number> = {};
  const count = (status: string, orders: number): void => void (statuses[status] = (statuses[status] ?? 0) + orders);
  let errors = 0;
  let sent = 0;
  started();
  const startedAt = Date.now();
  const endsAt = performance.now() + load.seconds * 1000;

  const connection = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const from = performance.now();
      try {
        const { statusCode, body } = await pool.request({
          path: pathname,
          method: "POST",
          headers: { "content-type": "application/x-ndjson", ...load.headers },
          body: bodies[sent++ % bodies.length] ?? "",
        });
        const lines = (await body.text()).split("\n");
        lines.pop();
        times.push(performance.now() - from);
        if (statusCode === 200) {
          for (const line of lines)
            count(!line.includes(failed) ? "taken" : line.includes(refused) ? "503" : "failed", 1);
          errors += load.lines - lines.length;
        } else count(String(statusCode), load.lines);
      } catch {
        errors += load.lines;
      }
    }
  };
  await Promise.all(Array.from({ length: load.connections }, connection));
  return { startedAt, endedAt: Date.now(), statuses, errors, resent: 0, ...percentilesOf(times) };
}
