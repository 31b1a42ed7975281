/** The public API, asked with patience: what may be asked again, is, after as long as the server said. */
import { setTimeout as sleep } from "node:timers/promises";

export type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };
export type Call = { readonly body?: unknown; readonly key?: string; readonly type?: string };
/** Resolves with the first answer that is final, also where it is a refusal. Rejects when the demo ends. */
export type Ask = (method: string, path: string, call?: Call) => Promise<Answer>;

const [firstPauseMs, longestPauseMs, tryMs] = [250, 5_000, 30_000];
const passing = new Set([408, 429, 500, 502, 503, 504]);

export function createAsk(url: string, signal: AbortSignal): Ask {
  return async (method, path, { body, key, type = "application/json" } = {}) => {
    const headers: Record<string, string> = { "x-actor": "demo", prefer: "wait=10" };
    if (body !== undefined) headers["content-type"] = type;
    if (key !== undefined) headers["idempotency-key"] = key;
    for (let tries = 0; ; tries += 1) {
      const init: RequestInit = { method, headers, signal: AbortSignal.any([signal, AbortSignal.timeout(tryMs)]) };
      if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
      const answer = await fetch(url + path, init).catch(() => undefined);
      signal.throwIfAborted();
      const text = await answer?.text().catch(() => undefined);
      if (answer !== undefined && text !== undefined && !passing.has(answer.status))
        return { status: answer.status, body: parsed(text) };
      const asked = Number(answer?.headers.get("retry-after") ?? 0) * 1_000;
      const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** tries) * (0.5 + Math.random() / 2);
      await sleep(Math.max(asked, pause), undefined, { signal });
    }
  };
}

/** Lines of results are none of these; who wants them reads `text`. */
function parsed(text: string): Record<string, unknown> {
  if (text === "") return {};
  const lines = text.trimEnd().split("\n");
  if (lines.length > 1) return { lines: lines.map((line) => JSON.parse(line) as unknown) };
  return JSON.parse(text) as Record<string, unknown>;
}
