/**
 * An order as it goes on, and its driver: by its event stream, which resumes by itself. Beside it the order is read, often while the stream is
 * away, seldom while it is there; what has not changed costs a 304.
 *
 * I1 Nobody hears of an older state after a newer one: states are compared by revision, then by step.
 */
import { ask, createBackOff, pause, Problem } from "./api.js";

export const steps = ["packed", "out_for_delivery", "delivered"];
const [readWithStreamMs, readAloneMs, driverMs] = [10_000, 2_500, 2_000];

/** -1: not packed. */
export const stepOf = ({ fulfilment }) => steps.indexOf(fulfilment);

export const isOver = ({ status, fulfilment }) =>
  status === "rejected" || status === "cancelled" || fulfilment === "delivered";

/** `onOrder` gets each newer order, `onDriver` the driver's view, or null when there is none to be seen. */
export function followOrder(id, { onOrder, onDriver, signal }) {
  const path = `/orders/${id}`;
  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  let newest = null;
  let tag = null;
  let source = null;
  let driverToldAt = -Infinity;

  const hear = (order) => {
    const isNewer =
      newest === null ||
      order.revision > newest.revision ||
      (order.revision === newest.revision && stepOf(order) > stepOf(newest));
    if (!isNewer) return; // I1
    newest = order;
    onOrder(order);
    if (isOver(order)) ended.abort();
  };
  const hearDriver = (view) => {
    driverToldAt = performance.now();
    onDriver(view);
  };

  const read = async () => {
    const headers = tag === null ? {} : { "if-none-match": tag };
    const answer = await ask(path, { headers, signal: until });
    tag = answer.tag;
    if (answer.body !== null) hear(answer.body);
  };
  const readAgain = () => {
    const isStreaming = source?.readyState === EventSource.OPEN;
    return pause(isStreaming && newest !== null ? readWithStreamMs : readAloneMs, until);
  };
  const readDriver = async () => {
    // The stream tells of the driver too.
    if (newest?.fulfilment !== "out_for_delivery" || performance.now() - driverToldAt < 2 * driverMs) return;
    const { body } = await ask(`${path}/driver`, { signal: until }).catch((error) => {
      if (error instanceof Problem && error.status === 404) return { body: null };
      throw error;
    });
    onDriver(body);
  };

  const streamBackOff = createBackOff();
  const stream = () => {
    if (until.aborted) return;
    const opened = new EventSource(`${path}/events`);
    source = opened;
    opened.addEventListener("open", () => streamBackOff.reset());
    opened.addEventListener("order", ({ data }) => hear(JSON.parse(data)));
    opened.addEventListener("driver", ({ data }) => hearDriver(JSON.parse(data)));
    opened.addEventListener("error", () => {
      // After an answer that is no stream, such as a 503, it does not come again by itself.
      if (opened.readyState === EventSource.CLOSED) pause(streamBackOff.nextMs(), until).then(stream, () => undefined);
    });
  };
  until.addEventListener("abort", () => source?.close());
  stream();
  void repeat(read, readAgain, until);
  void repeat(readDriver, () => pause(driverMs, until), until);
}

/** Does it again and again; a problem makes the waits longer, and the signal ends it. */
async function repeat(work, wait, signal) {
  const backOff = createBackOff();
  while (!signal.aborted) {
    try {
      await work();
      backOff.reset();
      await wait();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      await pause(backOff.nextMs(error), signal).catch(() => undefined);
    }
  }
}
