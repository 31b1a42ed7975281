/**
 * One call to Tallyman, sent again for as long as that makes sense. Whoever sends a command again sends the same id: it counts
 * once (P1), so that a call whose answer got lost is simply repeated.
 */

/** As much of `fetch` as is needed, so that a simulated one will do. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>;
export type FetchInit = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
};
export type FetchResponse = {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
};

export type RetryOptions = {
  /** Tries in all. */
  readonly tries: number;
  /** The first pause is drawn from 0 to this, the next from 0 to twice as much, and so on. In milliseconds. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** What one try may take. */
  readonly tryMs: number;
};

export type CallerOptions = {
  readonly url: string;
  readonly fetch: Fetch;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly timeout: (ms: number) => AbortSignal;
  readonly random: () => number;
  readonly retry: RetryOptions;
};

export type Call = {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  /** What the server is asked to wait for a decision, beside the time of a try. */
  readonly waitSeconds?: number;
  readonly signal?: AbortSignal | undefined;
};

/** What was answered at last; `retryAfterMs` where it may be asked again. */
export type Answer = { readonly status: number; readonly body: unknown; readonly retryAfterMs: number | null };

/** No answer that tells what became of it, in as many tries as there were. It may have been done. */
export class TallymanUnreachable extends Error {
  override readonly name = "TallymanUnreachable";
}

export type Caller = {
  /** Rejects with `TallymanUnreachable`, or with the signal's reason. */
  call(call: Call): Promise<Answer>;
  /** Waits before try number `tries` + 1, as long as the server said at least. */
  pause(tries: number, retryAfterMs: number | null, signal?: AbortSignal): Promise<void>;
};

/** Statuses that say nothing about the command: the same again may be answered otherwise. */
const passing = new Set([408, 429, 500, 502, 503, 504]);

export function createCaller({ url, fetch, sleep, timeout, random, retry }: CallerOptions): Caller {
  const base = url.replace(/\/+$/, "");

  const pause: Caller["pause"] = (tries, retryAfterMs, signal) => {
    const most = Math.min(retry.longestPauseMs, retry.firstPauseMs * 2 ** (tries - 1));
    // All of the pause is drawn, so that many who failed together don't come back together.
    return sleep((retryAfterMs ?? 0) + random() * most, signal);
  };
  const attempt = async ({ method, path, body, waitSeconds = 0, signal }: Call): Promise<Answer> => {
    const deadline = timeout(retry.tryMs + waitSeconds * 1_000);
    // A command prefers to wait; a read is a URL, and says it there.
    const [asksInPath, prefers] = [waitSeconds > 0 && method === "GET", waitSeconds > 0 && method === "POST"];
    const response = await fetch(`${base}${path}${asksInPath ? `?wait=${waitSeconds}` : ""}`, {
      method,
      headers: {
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(prefers && { prefer: `wait=${waitSeconds}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
    const text = await response.text();
    return { status: response.status, body: parsed(text), retryAfterMs: retryAfterOf(response) };
  };

  return {
    pause,
    call: async (call) => {
      let cause: unknown;
      for (let tries = 1; ; tries += 1) {
        call.signal?.throwIfAborted();
        const answer = await attempt(call).catch((error: unknown) => {
          cause = error;
          return null;
        });
        call.signal?.throwIfAborted();
        if (answer !== null && !passing.has(answer.status)) return answer;
        if (tries >= retry.tries) {
          const said = answer === null ? "no answer" : String(answer.status);
          throw new TallymanUnreachable(`${call.method} ${call.path}: ${said} at try ${tries}`, { cause });
        }
        await pause(tries, answer?.retryAfterMs ?? null, call.signal);
      }
    },
  };
}

/** Seconds, as Tallyman says them; a date is for others. */
function retryAfterOf({ headers }: FetchResponse): number | null {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null;
}

/** Null: no JSON, so not Tallyman's. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
