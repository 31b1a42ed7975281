// Batches as NDJSON, their bodies made beforehand and sent again and again: orders without ids are new ones each time.
import { setTimeout as sleep } from "node:timers/promises";
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
        const { statusCode, headers, body } = await pool.request({
          path: pathname,
          method: "POST",
          headers: { "content-type": "application/x-ndjson", ...load.headers },
          body: bodies[sent++ % bodies.length] ?? "",
        });
        const lines = (await body.text()).split("\n");
        lines.pop();
        times.push(performance.now() - from);
        let againAfter = Number(headers["retry-after"] ?? 0);
        if (statusCode === 200) {
          for (const line of lines) {
            if (!line.includes(failed)) count("taken", 1);
            else count(line.includes(refused) ? "503" : "failed", 1);
            if (line.includes(refused)) againAfter = Math.max(againAfter, retryAfterOf(line));
          }
          errors += load.lines - lines.length;
        } else count(String(statusCode), load.lines);
        const leftMs = endsAt - performance.now();
        if (load.heedsRetryAfter && againAfter > 0 && leftMs > 0) await sleep(Math.min(againAfter * 1000, leftMs));
      } catch {
        errors += load.lines;
      }
    }
  };
  await Promise.all(Array.from({ length: load.connections }, connection));
  return { startedAt, endedAt: Date.now(), statuses, errors, resent: 0, ...percentilesOf(times) };
}

const retryAfterOf = (line: string): number => Number(/"retryAfter":(\d+)/.exec(line)?.[1] ?? 0);
