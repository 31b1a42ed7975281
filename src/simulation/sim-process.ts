/**
 * A process of the simulated world: it can be killed, and it can be stopped and woken (SIGSTOP, SIGCONT). What it has sent is
 * under way whatever becomes of it; what is sent to it, and its own timers, wait while it is stopped and vanish when it is dead.
 *
 * I1 Nothing of a process runs while it is stopped or after its death.
 * I2 What waited for a stopped process runs after it wakes, near in time but in no certain order, as timers and sockets do.
 */
import type { Clock } from "../clock.ts";
import type { Engine } from "./engine.ts";

/** When the world begins, in milliseconds since 1970. */
export const worldBeginsAt = Date.UTC(2026, 0, 1);

/** How near in time everything comes that waited for a process that was stopped. */
const wakeMs = 5;

export class SimProcess {
  readonly name: string;
  readonly engine: Engine;
  readonly clock: Clock;
  #alive = true;
  #stoppedAt: number | undefined;
  #held: { readonly label: string; readonly work: () => void }[] = [];
  /** Milliseconds that the machine was suspended, which the monotonic clock does not count. */
  #suspendedMs = 0;
  #wallOffsetMs = 0;

  constructor(engine: Engine, name: string) {
    this.engine = engine;
    this.name = name;
    this.clock = {
      now: () => Math.floor(worldBeginsAt + engine.now + this.#wallOffsetMs),
      monotonic: () => engine.now - this.#suspendedMs,
      after: (ms, work) => this.after(ms, "timer", work),
      soon: (work) => void this.after(engine.between(0, 0.2), "soon", work),
    };
  }

  isAlive(): boolean {
    return this.#alive;
  }

  /** Since when it has been stopped, in milliseconds of the world; undefined: it runs. */
  get stoppedAt(): number | undefined {
    return this.#stoppedAt;
  }

  /** Calls `work` in `ms` milliseconds, in this process; returns how to prevent it. */
  after(ms: number, label: string, work: () => void): () => void {
    let wanted = true;
    this.engine.after(ms, label, () => {
      this.#run(label, () => {
        if (wanted) work();
      });
    });
    return () => void (wanted = false);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, "sleep", resolve));
  }

  kill(): void {
    this.#alive = false;
    this.#held = [];
  }

  stop(): void {
    this.#stoppedAt ??= this.engine.now;
  }

  /** `suspended`: the whole machine stood still, and its monotonic clock with it. */
  wake(suspended: boolean): void {
    if (this.#stoppedAt === undefined) return;
    if (suspended) this.#suspendedMs += this.engine.now - this.#stoppedAt;
    this.#stoppedAt = undefined;
    for (const { label, work } of this.#held.splice(0)) this.after(this.engine.between(0, wakeMs), label, work);
  }

  moveWallClock(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  #run(label: string, work: () => void): void {
    if (!this.#alive) return; // I1
    if (this.#stoppedAt === undefined) work();
    else this.#held.push({ label, work }); // I2
  }
}
