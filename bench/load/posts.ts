// Single orders by autocannon. Every connection sends its next order when the one before is answered.
import { randomUUID } from "node:crypto";
import autocannon from "autocannon";
import { percentilesOf } from "../support/percentiles.ts";
import { createProductDraw } from "./distributions.ts";
import type { LoadResult, Posts, Started } from "./loads.ts";

/** Bodies made beforehand for each connection; a multiple of it covers 1,000 products evenly at 64 and at 256 connections. */
const bodiesPerConnection = 250;
/** Beyond the wanted time: autocannon's own end, which cuts orders off on their way. Only there in case nothing answers any more. */
const overtimeSeconds = 60;

/** When autocannon has noticed the end of the run before, a moment after the last answer. */
let closed: Promise<unknown> = Promise.resolve();

export async function sendPosts(load: Posts, started: Started): Promise<LoadResult> {
  await closed;
  const times: number[] = [];
  const statuses: Record<string, number> = {};
  let startedAt = 0;
  let endsAt = Infinity;
  let connection = 0;
  let finished = 0;
  let resent = 0;
  const draw = createProductDraw(load.productIds, load.distribution, Math.random);
  // When all connections are made up and none has sent anything yet: autocannon's own "start" may come after the first answers.
  const begin = (): void => {
    startedAt = Date.now();
    endsAt = performance.now() + load.seconds * 1000;
    started();
  };
  const allAnswered = Promise.withResolvers<undefined>();
  const ended = Promise.withResolvers<undefined>();
  closed = ended.promise;
  const { origin } = new URL(load.url);
  const pathOf = (productId: string): string => load.url.slice(origin.length).replace("{productId}", productId);
  const options: autocannon.Options = {
    url: origin,
    method: "POST",
    headers: { "content-type": "application/json", ...load.headers },
    connections: load.connections,
    duration: load.seconds + overtimeSeconds,
    // How often autocannon looks whether it has ended; its own statistics are not used.
    sampleInt: 100,
    setupClient: (client) => {
      client.setRequests(
        load.resentPercent === undefined
          ? preparedOrders(load, draw, pathOf)
          : [ordersWithIds(draw, pathOf, load.resentPercent, () => (resent += 1))],
      );
      connection += 1;
      if (connection === load.connections) begin();
    },
  };
  const running = autocannon(options, (error: unknown) => {
    if (error === null || error === undefined) ended.resolve(undefined);
    else ended.reject(error);
  });
  let errors = 0;
  running.on("reqError", () => (errors += 1));
  running.on("response", (client, status, _bytes, milliseconds) => {
    times.push(milliseconds);
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (performance.now() < endsAt) return;
    // Its last one: a connection that is closed with an order on its way could not tell whether that was acknowledged.
    Object.assign(client, { responseMax: 1 });
    if (++finished === load.connections) allAnswered.resolve(undefined);
  });
  await Promise.race([allAnswered.promise, ended.promise]);
  const endedAt = Date.now();
  const unanswered = errors + load.connections - finished;
  return { startedAt, endedAt, statuses, errors: unanswered, resent, ...percentilesOf(times) };
}

type PathOf = (productId: string) => string;

function preparedOrders({ productIds }: Posts, draw: () => string, pathOf: PathOf): autocannon.Request[] {
  const count = productIds.length === 1 ? 1 : bodiesPerConnection;
  return Array.from({ length: count }, () => {
    const productId = draw();
    return { path: pathOf(productId), body: JSON.stringify({ productId, quantity: 1 }) };
  });
}

/** Each request is a new order or, for so many of 100, the order before once more. */
function ordersWithIds(
  draw: () => string,
  pathOf: PathOf,
  resentPercent: number,
  resends: () => void,
): autocannon.Request {
  let again: { path: string; body: string } | undefined;
  return {
    setupRequest: (request) => {
      if (again !== undefined) {
        const repeated = again;
        again = undefined;
        resends();
        return { ...request, ...repeated };
      }
      const productId = draw();
      const order = {
        path: pathOf(productId),
        body: JSON.stringify({ orderId: randomUUID(), productId, quantity: 1 }),
      };
      if (Math.random() * 100 < resentPercent) again = order;
      return { ...request, ...order };
    },
  };
}
