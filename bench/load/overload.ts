/**
 * More single orders than can be served, from many callers who each give up after a while. By raw sockets: a caller must cost a fraction
 * of what its refusal costs, for both have the same processors.
 *
 * I1 When an order is due follows from the rate alone, and its time runs from then, as in `open-loop.ts`.
 * I2 An order that is due waits here for a free connection. Who has given up by then sends nothing; who has sent waits for the answer, in
 *    time or late, so that the fate of every order is known.
 * I3 At the end no more orders become due; all that were sent are answered.
 */
import net from "node:net";
import { setInterval as every } from "node:timers/promises";
import { percentilesOf } from "../support/percentiles.ts";
import { createProductDraw } from "./distributions.ts";
import type { LoadResult, Overload, Started } from "./loads.ts";
import { dueBy } from "./open-loop.ts";

const tickMs = 1;
const requestsMade = 4_000;
/** Connections that are opened at once. */
const openedAtOnce = 256;
const headEnd = "\r\n\r\n";

export type Answer = { readonly status: string; readonly hasRetryAfter: boolean };

/** The answer that the text is, or null while some of it is missing. Every answer must say how long it is. */
export function answerOf(text: string): Answer | null {
  const end = text.indexOf(headEnd);
  if (end === -1) return null;
  const head = text.slice(0, end + 2);
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`An answer without a length: ${head}`);
  if (text.length < end + headEnd.length + Number(length)) return null;
  return { status: text.slice(9, 12), hasRetryAfter: /\r\nretry-after: \d+\r\n/i.test(head) };
}

export async function sendTooMany(load: Overload, started: Started): Promise<LoadResult> {
  const { origin, hostname, port } = new URL(load.url);
  const draw = createProductDraw(load.productIds, load.distribution, Math.random);
  const requests = Array.from({ length: requestsMade }, () => requestOf(load, origin, draw()));
  const count = Math.max(1, Math.round(load.perSecond * load.seconds));
  const counts = { inTime: 0, gaveUp: 0, refusedSilently: 0 };
  const statuses: Record<string, number> = {};
  const times: number[] = [];
  const free: net.Socket[] = [];
  /** When each order that found no free connection was due; those before `next` are dealt with. */
  const waiting: number[] = [];
  let [next, sent, open, errors] = [0, 0, 0, 0];
  const sockets = await connect(hostname, Number(port), load.connections);
  const allAnswered = Promise.withResolvers<undefined>();
  let isOver = false;
  const settle = (): void => {
    if (isOver && open === 0) allAnswered.resolve(undefined);
  };
  started();
  const startedAt = Date.now();
  const from = performance.now();
  const elapsed = (): number => performance.now() - from;

  const dueOf = new Map<net.Socket, number>();
  const send = (socket: net.Socket, dueMs: number): void => {
    dueOf.set(socket, dueMs);
    open += 1;
    socket.write(requests[sent++ % requests.length] ?? "");
  };
  /** Of those who wait, the first that has not given up; else the connection is free. */
  const giveOn = (socket: net.Socket): void => {
    while (next < waiting.length) {
      const dueMs = waiting[next++] ?? 0;
      if (elapsed() - dueMs <= load.giveUpMs) {
        send(socket, dueMs);
        return;
      }
      counts.gaveUp += 1;
    }
    free.push(socket);
  };
  const answered = (socket: net.Socket, { status, hasRetryAfter }: Answer): void => {
    const tookMs = elapsed() - (dueOf.get(socket) ?? 0); // I1
    dueOf.delete(socket);
    open -= 1;
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (status === "503" || status === "429") {
      if (!hasRetryAfter) counts.refusedSilently += 1;
    } else {
      times.push(tookMs);
      if (status.startsWith("2") && tookMs <= load.giveUpMs) counts.inTime += 1;
    }
    giveOn(socket);
    settle();
  };
  for (const socket of sockets) {
    let text = "";
    socket.on("data", (data: Buffer) => {
      text += data.toString("latin1");
      const answer = answerOf(text);
      if (answer === null) return;
      text = "";
      answered(socket, answer);
    });
    socket.on("error", () => undefined); // "close" follows.
    socket.on("close", () => {
      const place = free.indexOf(socket);
      if (place !== -1) free.splice(place, 1);
      if (!dueOf.delete(socket)) return;
      open -= 1;
      errors += 1;
      settle();
    });
    free.push(socket);
  }

  let made = 0;
  for await (const _ of every(tickMs)) {
    const due = dueBy(elapsed(), load.perSecond, count);
    for (; made < due; made += 1) {
      const dueMs = (made * 1000) / load.perSecond;
      const socket = free.pop();
      if (socket === undefined) waiting.push(dueMs);
      else send(socket, dueMs);
    }
    if (made === count) break;
  }
  // I3
  counts.gaveUp += waiting.length - next;
  next = waiting.length;
  isOver = true;
  settle();
  await allAnswered.promise;
  const endedAt = Date.now();
  for (const socket of sockets) socket.destroy();
  return { startedAt, endedAt, statuses, errors, resent: 0, overload: counts, ...percentilesOf(times) };
}

function requestOf({ url, headers }: Overload, origin: string, productId: string): Buffer {
  const body = JSON.stringify({ productId, quantity: 1 });
  const all = {
    host: new URL(origin).host,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const path = url.slice(origin.length).replace("{productId}", productId);
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

async function connect(host: string, port: number, count: number): Promise<net.Socket[]> {
  const sockets: net.Socket[] = [];
  const one = (): Promise<net.Socket> =>
    new Promise((resolve, reject) => {
      const socket = net.connect({ host, port, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(socket);
      });
    });
  while (sockets.length < count) {
    const some = Math.min(openedAtOnce, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: some }, one))));
  }
  return sockets;
}
