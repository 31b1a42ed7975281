// The load generator: autocannon, in a process of its own, so that what it takes is told apart from what it measures. Every connection
// sends its next order when the one before is answered.
import { randomUUID } from "node:crypto";
import autocannon from "autocannon";
import type { Load, LoadResult, ToGenerator } from "./generator.ts";

/** Bodies made beforehand for each connection; a multiple of it covers 1,000 products evenly at 64 and at 256 connections. */
const bodiesPerConnection = 250;
/** Beyond the wanted time: autocannon's own end, which cuts orders off on their way. Only there in case nothing answers any more. */
const overtimeSeconds = 60;

process.on("disconnect", () => process.exit());
process.on("message", (load: ToGenerator) => {
  fire(load).then(
    (result) => process.send?.({ kind: "done", result }),
    (error: unknown) => process.send?.({ kind: "failed", why: String(error) }),
  );
});
process.send?.({ kind: "ready" });

/** When autocannon has noticed the end of the run before, a moment after the last answer. */
let closed: Promise<unknown> = Promise.resolve();

async function fire(load: Load): Promise<LoadResult> {
  await closed;
  const times: number[] = [];
  const statuses: Record<string, number> = {};
  let startedAt = 0;
  let endsAt = Infinity;
  let connection = 0;
  let finished = 0;
  let resent = 0;
  const products = shuffled(load.productIds);
  // When all connections are made up and none has sent anything yet: autocannon's own "start" may come after the first answers.
  const begin = (): void => {
    startedAt = Date.now();
    endsAt = performance.now() + load.seconds * 1000;
    process.send?.({ kind: "started" });
  };
  const allAnswered = Promise.withResolvers<undefined>();
  const ended = Promise.withResolvers<undefined>();
  closed = ended.promise;
  const options: autocannon.Options = {
    url: `${load.url}/orders`,
    method: "POST",
    headers: { "content-type": "application/json", ...load.headers },
    connections: load.connections,
    duration: load.seconds + overtimeSeconds,
    // How often autocannon looks whether it has ended; its own statistics are not used.
    sampleInt: 100,
    setupClient: (client) => {
      client.setRequests(
        load.resentPercent === undefined
          ? bodiesFor(products, connection)
          : [ordersWithIds(products, load.resentPercent, () => (resent += 1))],
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
  const sorted = Float64Array.from(times).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const unanswered = errors + load.connections - finished;
  return { startedAt, endedAt, statuses, errors: unanswered, resent, p50: at(0.5), p99: at(0.99) };
}

function bodiesFor(products: readonly string[], connection: number): autocannon.Request[] {
  const count = Math.min(bodiesPerConnection, products.length);
  return Array.from({ length: count }, (_, n) => {
    const productId = products[(connection * count + n) % products.length];
    return { body: JSON.stringify({ productId, quantity: 1 }) };
  });
}

/** Each request is a new order or, for so many of 100, the order before once more. */
function ordersWithIds(products: readonly string[], resentPercent: number, resends: () => void): autocannon.Request {
  let again: string | undefined;
  return {
    setupRequest: (request) => {
      if (again !== undefined) {
        const body = again;
        again = undefined;
        resends();
        return { ...request, body };
      }
      const productId = products[Math.floor(Math.random() * products.length)];
      const body = JSON.stringify({ orderId: randomUUID(), productId, quantity: 1 });
      if (Math.random() * 100 < resentPercent) again = body;
      return { ...request, body };
    },
  };
}

function shuffled(values: readonly string[]): string[] {
  return values
    .map((value) => ({ value, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value);
}
