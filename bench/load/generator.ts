// Starts the load generator and has it send orders.
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { stopProcess } from "../../local/process-identity.ts";
import { type Bench, unlessAborted } from "../support/bench.ts";
import type { Load, LoadResult, Started } from "./loads.ts";

type FromGenerator =
  | { readonly kind: "ready" | "started" }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "done"; readonly result: LoadResult };

export type Generator = AsyncDisposable & {
  readonly pid: number;
  /** `started` is called when the first orders leave. Resolves when every order that was sent is answered. */
  run(load: Load, started?: Started): Promise<LoadResult>;
};

export async function startGenerator({ services, signal }: Bench): Promise<Generator> {
  const file = path.join(import.meta.dirname, "generator-process.ts");
  const child = spawn(process.execPath, [...process.execArgv, "--conditions=tallyman-source", file], {
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
      child.send(load satisfies Load);
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
