/**
 * An outlet: one of the ways in which the world is told what was committed (P15). The cache is one, the decisions topic another
 * one. Each has a queue and progress of its own, so that one that is slow or away holds up neither commits nor the other.
 *
 * Who owns what: an outlet owns its queue and the set of leases that are behind, and moves its own progress on each lease.
 *
 * I1 What a lease committed is told in the order of its commits, and `done` moves only over what was told: a crash repeats,
 *    and never skips.
 * I2 A lease is either live (what it commits comes through the queue) or behind (it is read back from the ledger, from `done`
 *    on). It becomes behind by any failure and when the queue is full, and live again when it has caught up.
 * I3 One loop runs at a time; it ends when there is nothing to do.
 * I4 Commits wait for an outlet only while it works and is quick: what has to be read back costs more than waiting a moment. One that
 *    fails, or has not caught up in `effectsHoldMs`, holds up nothing until it has.
 */
import type { Lease, Told } from "./lease.ts";
import { backoffMs } from "./processor-deps.ts";
import type { ProcessorDeps } from "./processor-deps.ts";

/** What one lease committed in one group, from `from` to `to`. */
export type Part<Content> = {
  readonly lease: Lease;
  readonly from: number;
  readonly to: number;
  readonly content: Content;
};

/** One group: the parts of its leases, and what is told of it as a whole, be its leases live or not. */
type Item<Content, Message> = {
  readonly parts: readonly Part<Content>[];
  readonly message: Message;
  readonly commands: number;
};

/** What is particular to one outlet. Both ways of telling reject when it may not have happened. */
export type Teller<Content, Message> = {
  /** For logs. */
  readonly name: string;
  /** This outlet's own progress on the lease. */
  readonly told: (lease: Lease) => Told;
  /** Tells parts of live leases. Resolves to those that must be read back all the same. */
  readonly tell: (parts: readonly Part<Content>[], messages: readonly Message[]) => Promise<ReadonlySet<Lease>>;
  /** Reads back a page of what the lease committed in [from, to) and tells it. Resolves to where the next page begins. */
  readonly replay: (lease: Lease, from: number, to: number) => Promise<number>;
  /** Commands that wait in the queue, whenever that changes. */
  readonly backlog: (commands: number) => void;
};

export type OutletDeps = Pick<ProcessorDeps, "sleep" | "log" | "limits">;

export class Outlet<Content, Message> {
  readonly #deps: OutletDeps;
  readonly #teller: Teller<Content, Message>;
  #queue: Item<Content, Message>[] = [];
  #backlog = 0;
  readonly #behind = new Set<Lease>();
  #failures = 0;
  #running: Promise<void> | undefined;
  /** Those who wait for it to catch up (I4). */
  #waiting: (() => void)[] = [];
  #isSlow = false;

  constructor(deps: OutletDeps, teller: Teller<Content, Message>) {
    this.#deps = deps;
    this.#teller = teller;
  }

  /** Tries that have failed since the last one that worked. */
  get failures(): number {
    return this.#failures;
  }

  /** Tells what a group of so many commands decided, once it is the group's turn. Never throws, never waits. */
  decided(parts: readonly Part<Content>[], message: Message, commands: number): void {
    const full = this.#backlog + commands > this.#deps.limits.effectsQueueCommandsMax;
    const live: Part<Content>[] = [];
    for (const part of parts) {
      const told = this.#teller.told(part.lease);
      if (full || this.#behind.has(part.lease) || told.queued !== part.from) {
        this.#behind.add(part.lease); // I2
      } else {
        told.queued = part.to;
        live.push(part);
      }
    }
    if (!full) {
      this.#queue.push({ parts: live, message, commands });
      this.#add(commands);
    }
    this.#start();
  }

  /** What the lease committed from `done` on is read back from the ledger. */
  behind(lease: Lease): void {
    this.#behind.add(lease);
    this.#start();
  }

  /** Resolves when everything has been told; does not while that fails. */
  idle(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  /** To be awaited before more is committed; undefined: nothing is. Never rejects (I4). */
  room(): Promise<void> | undefined {
    const { limits, sleep } = this.#deps;
    if (this.#isSlow || this.#failures > 0 || this.#backlog <= limits.effectsHoldCommands) return undefined;
    let isWaiting = true;
    const caughtUp = new Promise<void>((resolve) => this.#waiting.push(resolve));
    const tooSlow = sleep(limits.effectsHoldMs).then(() => void (this.#isSlow ||= isWaiting));
    return Promise.race([caughtUp, tooSlow]).finally(() => (isWaiting = false));
  }

  #add(commands: number): void {
    this.#backlog += commands;
    this.#teller.backlog(this.#backlog);
    if (this.#backlog > this.#deps.limits.effectsHoldCommands) return;
    this.#isSlow = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #start(): void {
    // Begun a step later: whatever the loop calls at once may call this again, and must find it running (I3).
    this.#running ??= Promise.resolve().then(() => this.#loop());
  }

  async #loop(): Promise<void> {
    const { sleep, limits, log } = this.#deps;
    const { name } = this.#teller;
    for (;;) {
      const items = this.#queue;
      this.#queue = [];
      const [behind] = this.#behind;
      try {
        if (items.length === 0 && behind === undefined) {
          // At once, not when the promise settles: what comes in between would wait for somebody else to come (I3).
          this.#running = undefined;
          return;
        }
        if (items.length > 0) await this.#tell(items);
        // A page after each item, so that a busy queue can't starve a lease that is behind.
        if (behind !== undefined) await this.#replay(behind);
        if (this.#failures > 0) log.info({}, `${name} go on`);
        this.#failures = 0;
      } catch (error) {
        this.#failures += 1;
        const line = { err: error, failures: this.#failures };
        if (this.#failures === 1) log.warn(line, `${name} wait; they will be read back from the ledger`);
        else log.debug(line, `${name} still wait`);
        await sleep(backoffMs(limits, this.#failures));
      }
    }
  }

  async #tell(items: readonly Item<Content, Message>[]): Promise<void> {
    // A part of a lease that fell behind meanwhile would skip what failed (I1): it is read back with the rest.
    const parts = items
      .flatMap((item) => item.parts)
      .filter(({ lease }) => !lease.isAborted() && !this.#behind.has(lease));
    const { tell, told } = this.#teller;
    try {
      const again = await tell(
        parts,
        items.map(({ message }) => message),
      );
      for (const lease of again) this.#behind.add(lease);
      // One that has to be read back is not done.
      for (const { lease, to } of parts) if (!lease.isAborted() && !this.#behind.has(lease)) told(lease).done = to;
    } catch (error) {
      for (const { lease } of parts) this.#behind.add(lease); // I2
      throw error;
    } finally {
      for (const item of items) this.#add(-item.commands);
    }
  }

  /** Tells one page of the lease's lines; the lease is live again when nothing is left. */
  async #replay(lease: Lease): Promise<void> {
    const told = this.#teller.told(lease);
    const { done: from } = told;
    if (lease.isAborted() || from >= lease.committed) {
      this.#behind.delete(lease);
      told.queued = from;
      return;
    }
    const reached = await this.#teller.replay(lease, from, lease.committed);
    if (!lease.isAborted()) told.done = reached;
  }
}
