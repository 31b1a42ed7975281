import { Failure } from "./failure.ts";

/** Aborts when the user, or the machine, wants this command to end. */
export const stopRequest: AbortSignal = listen();

/** Resolves when a stop is wanted. */
export function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    if (stopRequest.aborted) resolve();
    else stopRequest.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Thrown through a start that the user gave up; it ends the command, and is no failure to explain. */
export function isStop(error: unknown): boolean {
  return stopRequest.aborted && !(error instanceof Failure);
}

// One Ctrl-C arrives up to three times: from the terminal, from npm and from the bootstrap.
const oneRequestMs = 1_500;

function listen(): AbortSignal {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const stop = (): void => {
    firstAt ??= performance.now();
    controller.abort();
    // Asked again, it leaves the rest to the keeper, which gives the services less time (custody.ts).
    if (performance.now() - firstAt > oneRequestMs) process.exit(130);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  // Writing to a terminal that was closed must not be what ends this process.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  // A bootstrap that was killed outright can't pass that on.
  const bootstrap = process.ppid;
  if (process.env.TALLYMAN_BOOTSTRAP_PID === String(bootstrap)) {
    setInterval(() => {
      if (process.ppid !== bootstrap) controller.abort();
    }, 500).unref();
  }
  return controller.signal;
}
