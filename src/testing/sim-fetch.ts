/**
 * The platform's `fetch`, to the apis of a world. As there: it resolves with any answer, it rejects with a `TypeError` when the
 * connection is lost or was never made, and with the signal's reason when that aborts. A request that is aborted may still be
 * executed.
 */
import { ConnectionLost } from "../simulation/world.ts";
import type { SimResponse } from "../simulation/sim-http.ts";
import type { World } from "../simulation/world.ts";
import type { OpenCalls } from "./open-calls.ts";

export type SimFetchOptions = {
  readonly world: World;
  readonly url: string;
  readonly calls: OpenCalls;
  /** Throws where time stands still. */
  readonly requireRunning: (what: string) => void;
  /** Told of each answer that arrived. */
  readonly answered: (method: string, response: SimResponse) => void;
};

export function createSimFetch(options: SimFetchOptions): typeof globalThis.fetch {
  const { world, calls, requireRunning, answered } = options;
  const { origin } = new URL(options.url);

  return async (input, init) => {
    const request = new Request(input, init);
    const { method, signal } = request;
    const url = new URL(request.url);
    const path = url.pathname + url.search;
    const label = `${method} ${path}`;
    requireRunning(`fetch of ${label}`);
    signal.throwIfAborted();
    if (url.origin !== origin) {
      throw failed(new Error(`${url.origin} can't be reached: in this world there is ${origin} alone`));
    }
    const headers = Object.fromEntries(request.headers);
    const text = request.body === null ? undefined : await request.text();
    const end = calls.begin(label);
    try {
      const sent = text === undefined ? {} : { text, body: readable(text) };
      const response = await unlessAborted(signal, world.http({ method, path, headers, ...sent }));
      answered(method, response);
      return responseOf(response, request.url);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      world.engine.say(`client: ${error.message}`);
      throw failed(error);
    } finally {
      end();
    }
  };
}

/** As the platform's own says it. */
function failed(cause: Error): TypeError {
  return new TypeError("fetch failed", { cause });
}

/** For the trace. */
function readable(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Rejects with the signal's reason as soon as it aborts; what `work` comes to then is nobody's. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  // A reason is whatever the caller gave.
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => undefined);
  }
}

function responseOf({ status, headers, body }: SimResponse, url: string): Response {
  const response = new Response(body, { status, headers });
  // A response that is made, not fetched, has no address.
  Object.defineProperty(response, "url", { value: url });
  return response;
}
