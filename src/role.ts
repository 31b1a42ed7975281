/** A role that runs: what `main.ts` needs to end it. */
export type RunningRole = {
  /** Takes nothing more in, finishes what was accepted, lets go. Resolves within `limits.drainMs` and a little. */
  stop(): Promise<void>;
};
