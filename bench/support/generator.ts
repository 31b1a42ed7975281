// Starts the load generator and has it send orders.
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { stopProcess } from "../../local/process-identity.ts";
import { type Bench, unlessAborted } from "./bench.ts";
import type { Percentiles } from "./ledger.ts";

export type Load = {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly productIds: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** Of 100 orders, how many are sent a second time as soon as they are answered. Given: every order has an id of its own. */
  readonly resentPercent?: number;
};

/** Times are milliseconds since 1970; the percentiles are those of the HTTP answers, in milliseconds. */
export type LoadResult = Percentiles & {
  readonly startedAt: number;
  readonly endedAt: number;
  /** How many answers had this status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests that got no answer. */
  readonly errors: number;
  /** Requests that were the second of their order. */
  readonly resent: number;
};

export type ToGenerator = Load;
type FromGenerator =
  | { readonly kind: "ready" | "started" }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "done"; readonly result: LoadResult };

export type Generator = AsyncDisposable & {
  readonly pid: number;
  /** `started` is called when the first orders leave. Resolves when every order that was sent is answered. */
  run(load: Load, started?: () => void): Promise<LoadResult>;
};

export async function startGenerator({ services, signal }: Bench): Promise<Generator> {
  const file = path.join(import.meta.dirname, "generator-process.ts");
  const child = spawn(process.execPath, [...process.execArgv, file], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // A session of its own, so that Ctrl-C reaches only the benchmark, which ends it.
    detached: true,
  });
  const rule = { rank: 0, signal: "SIGTERM", limitMs: 2_000 } as const;
  const ward = services.custody.add(child.pid ?? 0, "load generator", rule);
  const messages = receive(child);
  const next = (): Promise<FromGenerator> => unlessAborted(signal, messages.next());
  await next();
  return {
    pid: child.pid ?? 0,
    run: async (load, started) => {
      child.send(load satisfies ToGenerator);
      for (;;) {
        const message = await next();
        if (message.kind === "started") started?.();
        if (message.kind === "failed") throw new Error(`The load generator failed: ${message.why}`);
        if (message.kind === "done") return message.result;
      }
    },
    [Symbol.asyncDispose]: async () => {
      if (ward === undefined) return;
      await stopProcess(ward, rule.signal, rule.limitMs);
      services.custody.remove(ward);
    },
  };
}

/** The child's messages one after another; its end is a failure of all that follow. */
function receive(child: ChildProcess): { next(): Promise<FromGenerator> } {
  const waiting: FromGenerator[] = [];
  let wake = (): void => undefined;
  let ended = false;
  child.on("message", (message) => {
    waiting.push(message as FromGenerator);
    wake();
  });
  const end = (): void => {
    ended = true;
    wake();
  };
  child.once("exit", end);
  child.once("error", end);
  return {
    next: async () => {
      for (;;) {
        const message = waiting.shift();
        if (message !== undefined) return message;
        if (ended) throw new Error("The load generator has ended.");
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
