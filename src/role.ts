/** A role that runs: what `main.ts` needs to end it. */
export type RunningRole = {
  /** Takes nothing more in, finishes what was accepted, lets go. Resolves within `limits.drainMs` and `limits.closeMs`. */
  stop(): Promise<void>;
};

/**
 * Resolves to true when `work` has settled, or to false after `ms`: what hangs, because a service that it needs does, must not
 * keep a process from leaving. Rejects as `work` does.
 */
export async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
