/** Tells the user what is being done and how long it took. */
export type Progress = {
  line(text: string): void;
  /** Says that something is done that began at `startedAt`, a reading of performance.now(). */
  done(title: string, startedAt: number): void;
  /** Runs `work`, and says its name and its time when it is done; one that takes long says so on the way. */
  step<T>(title: string, work: () => Promise<T>): Promise<T>;
};

const heartbeatMs = 15_000;

/** `write` gets each line. */
export function printProgress(write: (text: string) => void = console.log): Progress {
  const line = (text: string): void => write(`  ${text}`);
  const done = (title: string, startedAt: number): void => line(`${title}: ${seconds(startedAt)}`);
  return {
    line,
    done,
    async step(title, work) {
      const startedAt = performance.now();
      const heartbeat = setInterval(() => line(`${title} … ${seconds(startedAt)}`), heartbeatMs);
      try {
        const result = await work();
        done(title, startedAt);
        return result;
      } finally {
        clearInterval(heartbeat);
      }
    },
  };
}

/** The time since a reading of performance.now(), for people. */
export function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}
