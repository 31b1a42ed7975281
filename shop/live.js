/**
 * Stock as it changes: one WebSocket to /live for the whole page, which follows the products that somebody looks at.
 *
 * Who owns what: `followed` is what is wanted, whatever the connection does; a connection follows it anew when it opens. While there is none
 * for `patienceMs`, products are read instead, which costs a 304 where nothing has changed.
 *
 * I1 A listener never hears of an older version after a newer one.
 * I2 Nobody looks at anything: there is no connection. The page is hidden: nothing is read.
 */
import { ask, createBackOff, Problem } from "./api.js";

/** By product id. */
const followed = new Map();
const patienceMs = 4_000;
const pollMs = 8_000;
const topicsAtOnce = 100;
const backOff = createBackOff();
let socket = null;
let reopenTimer;
let pollTimer;

/** Calls `listener({ quantity, version })` with what is newer than `version`, until the signal is aborted. */
export function followStock({ id, version }, listener, signal) {
  if (signal.aborted) return;
  let entry = followed.get(id);
  if (entry === undefined) {
    entry = { version, stock: null, tag: null, listeners: new Set() };
    followed.set(id, entry);
    say("subscribe", [id]);
  }
  if (entry.stock !== null && entry.stock.version > version) listener(entry.stock);
  entry.listeners.add(listener);
  signal.addEventListener("abort", () => leave(id, entry, listener));
  open();
}

function leave(id, entry, listener) {
  entry.listeners.delete(listener);
  if (entry.listeners.size > 0 || followed.get(id) !== entry) return;
  followed.delete(id);
  say("unsubscribe", [id]);
  if (followed.size === 0) close(); // I2
}

function told(id, stock) {
  const entry = followed.get(id);
  if (entry === undefined || stock.version <= entry.version) return; // I1
  Object.assign(entry, { stock, version: stock.version });
  for (const listener of entry.listeners) listener(stock);
}

function open() {
  if (socket !== null || reopenTimer !== undefined) return;
  const address = new URL("/live", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(address);
  socket.addEventListener("open", () => {
    backOff.reset();
    stopPolling();
    say("subscribe", [...followed.keys()]);
  });
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "event" && message.event === "stock") told(message.id, message.data);
  });
  socket.addEventListener("close", () => {
    socket = null;
    if (followed.size === 0) return;
    pollTimer ??= setTimeout(poll, patienceMs);
    reopenTimer = setTimeout(reopen, backOff.nextMs());
  });
}

function reopen() {
  clearTimeout(reopenTimer);
  reopenTimer = undefined;
  if (followed.size > 0) open();
}

function close() {
  clearTimeout(reopenTimer);
  reopenTimer = undefined;
  stopPolling();
  socket?.close();
}

function say(type, ids) {
  if (socket?.readyState !== WebSocket.OPEN) return;
  for (let from = 0; from < ids.length; from += topicsAtOnce) {
    const some = ids.slice(from, from + topicsAtOnce);
    const topics = some.map((id) => ({
      kind: "product",
      id,
      ...(type === "subscribe" && { after: `${followed.get(id).version}` }),
    }));
    socket.send(JSON.stringify({ type, topics }));
  }
}

function stopPolling() {
  clearTimeout(pollTimer);
  pollTimer = undefined;
}

async function poll() {
  for (const [id, entry] of followed) {
    if (pollTimer === undefined) return; // The connection is back.
    if (document.hidden) break;
    try {
      const headers = entry.tag === null ? {} : { "if-none-match": entry.tag };
      const { body, tag } = await ask(`/products/${encodeURIComponent(id)}`, { headers });
      entry.tag = tag;
      if (body !== null) told(id, body);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.isTemporary) break;
    }
  }
  if (pollTimer !== undefined) pollTimer = setTimeout(poll, pollMs);
}

// What may have come back is tried at once.
window.addEventListener("online", () => reopenTimer !== undefined && reopen());
document.addEventListener("visibilitychange", () => !document.hidden && reopenTimer !== undefined && reopen());
