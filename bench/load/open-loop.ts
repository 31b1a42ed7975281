/**
 * Orders at a constant rate.
 *
 * I1 When an order is due follows from the rate alone, and its time runs from then: while the server, or this process, stands still, every
 *    order that was due meanwhile is counted with all of its waiting (no coordinated omission).
 * I2 Orders that are due wait here for a free connection; none is left out.
 */
import { setInterval as every } from "node:timers/promises";
import { Pool } from "undici";
import { v7 } from "uuid";
import { percentilesOf } from "../support/percentiles.ts";
import { createProductDraw } from "./distributions.ts";
import type { LoadResult, OpenLoop, Started } from "./loads.ts";

const tickMs = 1;

/** How many are due `elapsedMs` after the first one, that one included, of `count` in all. */
export function dueBy(elapsedMs: number, perSecond: number, count: number): number {
  return Math.min(count, Math.floor((elapsedMs * perSecond) / 1000) + 1);
}

export async function sendOnTime(load: OpenLoop, started: Started): Promise<LoadResult> {
  const { origin } = new URL(load.url);
  await using stack = new AsyncDisposableStack();
  const pool = stack.adopt(
    new Pool(origin, { connections: load.connections, headersTimeout: 60_000, bodyTimeout: 60_000 }),
    (opened) => opened.close(),
  );
  const draw = createProductDraw(load.productIds, load.distribution, Math.random);
  const headers = { "content-type": "application/json", ...load.headers };
  const count = Math.max(1, Math.round(load.perSecond * load.seconds));
  const times: number[] = [];
  const statuses: Record<string, number> = {};
  let errors = 0;
  let left = count;
  const allAnswered = Promise.withResolvers<undefined>();
  const answered = (): void => {
    if (--left === 0) allAnswered.resolve(undefined);
  };
  started();
  const startedAt = Date.now();
  const from = performance.now();

  const send = (dueMs: number): void => {
    const productId = draw();
    const orderId = v7({ msecs: Math.floor(startedAt + dueMs) });
    let status = 0;
    pool.dispatch(
      {
        path: load.url.slice(origin.length).replace("{productId}", productId),
        method: "POST",
        headers,
        body: JSON.stringify({ orderId, productId, quantity: 1 }),
      },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, statusCode) => void (status = statusCode),
        onResponseData: () => undefined,
        onResponseEnd: () => {
          times.push(performance.now() - from - dueMs); // I1
          statuses[status] = (statuses[status] ?? 0) + 1;
          answered();
        },
        onResponseError: () => {
          errors += 1;
          answered();
        },
      },
    );
  };
  let sent = 0;
  for await (const _ of every(tickMs)) {
    const due = dueBy(performance.now() - from, load.perSecond, count);
    for (; sent < due; sent += 1) send((sent * 1000) / load.perSecond);
    if (sent === count) break;
  }
  await allAnswered.promise;
  return { startedAt, endedAt: Date.now(), statuses, errors, resent: 0, ...percentilesOf(times) };
}
