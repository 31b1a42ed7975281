/**
 * What this process knows of the systems that it needs. Probes run in the background and their last result is kept, so
 * that asking for the report asks no other system: a `GET /readyz` in a storm costs nothing and waits for nobody.
 *
 * Who owns what: this object owns the states and one timer. Probes belong to those who watch.
 *
 * I1 One flight per probe: a probe that hangs is reported down after its deadline, and is not started a second time
 *    before it has ended.
 * I2 After `stop` no probe starts and no state changes.
 */
import { limits } from "../limits.ts";

/** The names under which main.ts watches what the roles need. */
export const dependencyNames = {
  log: "kafka",
  schemas: "schema_registry",
  store: "postgres",
  cache: "redis",
} as const;

export type DependencyState = "unknown" | "up" | "down";

export type Dependency = {
  readonly name: string;
  readonly state: DependencyState;
  /** ISO 8601, UTC: since when it has been in this state. */
  readonly since: string;
  /** Without it the process can't serve. */
  readonly required: boolean;
  /** Why it is down, or what else is worth knowing of it; null: nothing. */
  readonly detail: string | null;
};

export type HealthReport = {
  /** All required dependencies are up and the process is not leaving. */
  readonly ready: boolean;
  readonly leaving: boolean;
  readonly dependencies: readonly Dependency[];
};

/** What a check may resolve with: it is up, and this is worth telling. */
export class HealthNote {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Health = {
  /** Adds a dependency that is asked every `limits.healthProbeIntervalMs`. `check` rejects when it is down. */
  watch(name: string, required: boolean, check: () => Promise<unknown>): void;
  /** Adds a dependency, or tells of one, whose state the caller learns by itself. */
  set(name: string, required: boolean, state: DependencyState, detail?: string): void;
  /** Asks all probes once and resolves when each has answered or run out of time; then goes on in the background. */
  start(): Promise<void>;
  /** From now on not ready: load balancers look elsewhere while what is under way is finished. */
  leave(): void;
  report(): HealthReport;
  stateOf(name: string): DependencyState;
  /** When it was last found or told to be up, in the milliseconds of `now`; undefined: never. */
  lastUpAt(name: string): number | undefined;
  stop(): void;
};

type Entry = {
  required: boolean;
  state: DependencyState;
  since: number;
  lastUpAt: number | undefined;
  detail: string | null;
};
type Probe = {
  readonly name: string;
  readonly required: boolean;
  readonly check: () => Promise<unknown>;
  busy: boolean;
};

export function createHealth(now: () => number = Date.now): Health {
  const entries = new Map<string, Entry>();
  const probes: Probe[] = [];
  let timer: NodeJS.Timeout | undefined;
  let leaving = false;
  let stopped = false;

  const set: Health["set"] = (name, required, state, detail) => {
    if (stopped) return; // I2
    const known = entries.get(name);
    const time = now();
    const isUp = state === "up";
    entries.set(name, {
      required,
      state,
      since: known?.state === state ? known.since : time,
      lastUpAt: isUp ? time : known?.lastUpAt,
      detail: detail ?? null,
    });
  };

  const run = async (probe: Probe): Promise<void> => {
    if (probe.busy || stopped) return; // I1, I2
    probe.busy = true;
    let overdue: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      const fail = () => reject(new Error(`no answer in ${limits.healthProbeDeadlineMs} ms`));
      overdue = setTimeout(fail, limits.healthProbeDeadlineMs).unref();
    });
    const flight = Promise.resolve()
      .then(probe.check)
      .finally(() => (probe.busy = false));
    try {
      const found = await Promise.race([flight, deadline]);
      set(probe.name, probe.required, "up", found instanceof HealthNote ? found.text : undefined);
    } catch (error) {
      flight.catch(() => undefined); // Its late failure has been told already.
      set(probe.name, probe.required, "down", error instanceof Error ? error.message : String(error));
    } finally {
      clearTimeout(overdue);
    }
  };
  const runAll = () => Promise.all(probes.map(run)).then(() => undefined);

  return {
    set,
    watch: (name, required, check) => {
      set(name, required, "unknown");
      probes.push({ name, required, check, busy: false });
    },
    start: () => {
      timer ??= setInterval(() => void runAll(), limits.healthProbeIntervalMs).unref();
      return runAll();
    },
    leave: () => void (leaving = true),
    report: () => {
      const dependencies = [...entries].map(([name, entry]) => ({
        name,
        state: entry.state,
        since: new Date(entry.since).toISOString(),
        required: entry.required,
        detail: entry.detail,
      }));
      const ready = !leaving && dependencies.every(({ required, state }) => !required || state === "up");
      return { ready, leaving, dependencies };
    },
    stateOf: (name) => entries.get(name)?.state ?? "unknown",
    lastUpAt: (name) => entries.get(name)?.lastUpAt,
    stop: () => {
      stopped = true;
      clearInterval(timer);
    },
  };
}
