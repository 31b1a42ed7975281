/**
 * Positions of drivers at a constant rate, one by one or many in a request.
 *
 * I1 When a request is due follows from the rate alone, and its time runs from then, whatever became of those before.
 * I2 Each driver's positions have growing sequences; over several connections they may overtake one another, as in life.
 */
import { setInterval as every } from "node:timers/promises";
import { Pool } from "undici";
import { percentilesOf } from "../support/percentiles.ts";
import type { Percentiles } from "../support/percentiles.ts";
import { dueBy } from "./open-loop.ts";

export type PositionLoad = {
  /** Of the api. */
  readonly url: string;
  readonly driverIds: readonly string[];
  /** Positions, not requests. */
  readonly perSecond: number;
  readonly seconds: number;
  readonly connections: number;
  /** Positions of one request; 1: each by itself. */
  readonly together: number;
};

/** The percentiles are of requests, in milliseconds. Positions by what became of them; requests without an answer. */
export type PositionResult = Percentiles & {
  readonly requests: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly errors: number;
};

type Told = { readonly applied?: boolean; readonly reason?: string | null; readonly code?: string };

const tickMs = 1;

export async function sendPositions(load: PositionLoad, signal: AbortSignal): Promise<PositionResult> {
  const { url, driverIds, perSecond, seconds, connections, together } = load;
  await using stack = new AsyncDisposableStack();
  const pool = stack.adopt(new Pool(url, { connections }), (opened) => opened.close());
  const count = Math.max(1, Math.round((perSecond * seconds) / together));
  const requestsPerSecond = perSecond / together;
  const outcomes: Record<string, number> = {};
  const times: number[] = [];
  let [errors, next] = [0, 0];
  /** Later than all that an earlier load sent. */
  const firstSequence = Date.now() * 1_000;
  const note = ({ applied = false, reason, code }: Told): void => {
    const outcome = applied ? "applied" : (reason ?? code ?? "?");
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };
  /** Drivers in turn, each a little further on. */
  const location = () => {
    const sequence = firstSequence + (next += 1);
    const driverId = driverIds[next % driverIds.length] ?? "";
    const [latitude, longitude] = [48 + ((next * 7) % 1_000) / 10_000, 11 + ((next * 13) % 1_000) / 10_000];
    return { driverId, latitude, longitude, observedAt: new Date().toISOString(), sequence };
  };
  const request = () => {
    const headers = { "content-type": "application/json" };
    if (together > 1) {
      const body = JSON.stringify({ locations: Array.from({ length: together }, location) });
      return { path: "/drivers/locations", method: "POST", headers, body } as const;
    }
    const { driverId, ...body } = location();
    return { path: `/drivers/${driverId}/location`, method: "PUT", headers, body: JSON.stringify(body) } as const;
  };

  const from = performance.now();
  const send = async (dueMs: number): Promise<void> => {
    try {
      const { body } = await pool.request(request());
      const answer = (await body.json()) as Told & { readonly results?: readonly Told[] };
      for (const told of answer.results ?? [answer]) note(told);
    } catch {
      errors += 1;
    }
    times.push(performance.now() - from - dueMs); // I1
  };
  const open: Promise<void>[] = [];
  for await (const _ of every(tickMs, undefined, { signal })) {
    const due = dueBy(performance.now() - from, requestsPerSecond, count);
    while (open.length < due) open.push(send((open.length * 1000) / requestsPerSecond));
    if (open.length === count) break;
  }
  await Promise.all(open);
  return { requests: count, outcomes, errors, ...percentilesOf(times) };
}
