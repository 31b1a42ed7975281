/**
 * The public API. What it refuses is a `Problem`; so is a server that can't be reached. A problem that is temporary goes away by itself: the
 * same request may be sent again, after `retryAfterMs`.
 */

export class Problem extends Error {
  /** @param {{ status: number, code: string, detail: string, retryAfterMs?: number | null, body?: any }} options */
  constructor({ status, code, detail, retryAfterMs = null, body = {} }) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    /** Its further members, such as `available`. */
    this.body = body;
  }

  get isTemporary() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** How the last answer came: "here", "unreachable" or "busy" (it answers, and asks for patience), and whether it may be old. */
export const connection = Object.assign(new EventTarget(), { state: "here", isStale: false });

function noteConnection(state, isStale = false) {
  if (connection.state === state && connection.isStale === isStale) return;
  Object.assign(connection, { state, isStale });
  connection.dispatchEvent(new Event("change"));
}

const answerMs = 20_000;

/**
 * One request, one answer: `{ status, body, tag }`, where `body` is null for a 304. Throws a `Problem`, or the signal's reason when it is
 * aborted.
 */
export async function ask(path, { method = "GET", body, headers = {}, signal, timeoutMs = answerMs } = {}) {
  const late = AbortSignal.timeout(timeoutMs);
  let response;
  let content;
  try {
    response = await fetch(path, {
      method,
      headers: {
        accept: "application/json",
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal === undefined ? late : AbortSignal.any([signal, late]),
      cache: "no-store",
    });
    content = response.status === 304 ? "" : await response.text();
  } catch (error) {
    if (signal?.aborted === true) throw error;
    noteConnection("unreachable");
    throw new Problem({ status: 0, code: "unreachable", detail: "The shop can't be reached." });
  }
  const { status } = response;
  if (status >= 400) throw refused(response, content);
  noteConnection("here", response.headers.has("x-tallyman-stale"));
  return { status, body: content === "" ? null : JSON.parse(content), tag: response.headers.get("etag") };
}

function refused(response, content) {
  const body = parsed(content);
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const problem = new Problem({
    status: response.status,
    code: typeof body.code === "string" ? body.code : "unknown",
    detail: typeof body.detail === "string" ? body.detail : "The shop did not understand that.",
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : null,
    body,
  });
  noteConnection(problem.isTemporary ? "busy" : "here");
  return problem;
}

function parsed(content) {
  try {
    return JSON.parse(content) ?? {};
  } catch {
    return {}; // A proxy in between has pages of its own.
  }
}

/** Waits that grow from half a second to half a minute, a little different for everybody, and never shorter than was asked for. */
export function createBackOff() {
  let tries = 0;
  return {
    nextMs(problem) {
      const grown = Math.min(30_000, 500 * 2 ** tries);
      tries += 1;
      return Math.max(problem?.retryAfterMs ?? 0, grown * (0.75 + Math.random() / 2));
    },
    reset() {
      tries = 0;
    },
  };
}

/** Ends early when the browser says that there is a network again; rejects when the signal is aborted. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const clear = () => {
      clearTimeout(timer);
      window.removeEventListener("online", end);
      signal?.removeEventListener("abort", cancel);
    };
    const end = () => {
      clear();
      resolve();
    };
    const cancel = () => {
      clear();
      reject(signal.reason);
    };
    const timer = setTimeout(end, ms);
    window.addEventListener("online", end);
    if (signal?.aborted === true) cancel();
    else signal?.addEventListener("abort", cancel);
  });
}

/** Asks again while the problem is temporary. `onProblem` is told of each, and of how long it waits. */
export async function askUntilAnswered(path, { onProblem, ...options }) {
  const backOff = createBackOff();
  for (;;) {
    try {
      return await ask(path, options);
    } catch (error) {
      if (!(error instanceof Problem) || !error.isTemporary) throw error;
      const ms = backOff.nextMs(error);
      onProblem?.(error, ms);
      await pause(ms, options.signal);
    }
  }
}
