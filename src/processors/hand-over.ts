/**
 * The planned hand-over of partitions that the group protocol gives to another instance: their owner finishes what it has taken
 * in, up to a bound, and lets go; the next one waits for that, up to a bound, and claims. It is quick and visible, and nothing
 * more: the right to commit is the epoch's, whatever is said or missed here (P10).
 *
 * Who owns what: this object owns the set of leases that are draining, and what is said in the store about letting go.
 *
 * I1 A lease that is draining takes nothing more in. It is released once: when it has committed what it took in, or when the bound
 *    is over; it is gone from that moment, and a partition that comes back is claimed anew. Until then it can stay after all.
 * I2 A bound is of one draining: one that began before, was taken back and began again is not cut short.
 * I3 What is said is said of an epoch, so that a release that arrives after a newer claim says nothing.
 * I4 Nothing here rejects: a store that is away is not told, and the next owner waits its whole time.
 */
import type { Release } from "../stores/ledger-store.ts";
import type { Lease } from "./lease.ts";
import type { ProcessorDeps } from "./processor-deps.ts";

type HandOverDeps = Pick<ProcessorDeps, "store" | "sleep" | "log" | "limits">;

export class HandOver {
  readonly #deps: HandOverDeps;
  readonly #drop: (lease: Lease) => void;
  readonly #draining = new Map<Lease, symbol>();

  /** `drop` ends a lease that is released. */
  constructor(deps: HandOverDeps, drop: (lease: Lease) => void) {
    this.#deps = deps;
    this.#drop = drop;
  }

  isDraining(lease: Lease): boolean {
    return this.#draining.has(lease);
  }

  /** These leases are taken away: each is released when it has committed what it took in, or when the bound is over. */
  async begin(leases: readonly Lease[]): Promise<void> {
    const begun = leases.filter((lease) => !this.#draining.has(lease));
    const mark = Symbol("draining");
    for (const lease of begun) this.#draining.set(lease, mark);
    const busy = begun.filter((lease) => !isDone(lease));
    const done = begun.filter(isDone);
    if (busy.length > 0) {
      this.#deps.log.info({ partitions: partitionsOf(busy) }, "partitions are taken away: finishing what was taken in");
    }
    const releasing = this.release(done);
    if (busy.length > 0) {
      await this.#deps.sleep(this.#deps.limits.handOverDrainMs);
      await this.release(busy.filter((lease) => this.#draining.get(lease) === mark)); // I2
    }
    await releasing;
  }

  /** The group protocol has given the partition back before its lease was released. */
  stay(lease: Lease): void {
    this.#draining.delete(lease);
  }

  /** Something of these leases was committed. */
  settled(leases: readonly Lease[]): void {
    void this.release(leases.filter((lease) => this.#draining.has(lease) && isDone(lease)));
  }

  /** Ends the leases, at once, and says in the store that their partitions are free. */
  async release(leases: readonly Lease[]): Promise<void> {
    const unfinished = partitionsOf(leases.filter((lease) => !isDone(lease)));
    const held = leases.map(({ partition, epoch, effects, decisions }) => {
      return { partition, epoch, effectsOffset: effects.done, decisionsOffset: decisions.done };
    });
    for (const lease of leases) {
      this.#draining.delete(lease);
      this.#drop(lease); // I1
    }
    if (await this.say(held)) {
      this.#deps.log.info({ partitions: partitionsOf(leases), unfinished }, "released partitions");
    }
  }

  /** Says in the store that these are free. Resolves to whether that was needed and has worked. */
  async say(held: readonly Release[]): Promise<boolean> {
    if (held.length === 0) return false;
    try {
      await this.#deps.store.release(held);
      return true;
    } catch (error) {
      this.#deps.log.debug({ err: error, held }, "can't say that partitions are free; whoever is next waits a moment"); // I4
      return false;
    }
  }
}

/** All that was taken in is committed. */
function isDone(lease: Lease): boolean {
  return lease.committed === lease.tail;
}

function partitionsOf(leases: readonly Lease[]): number[] {
  return leases.map(({ partition }) => partition);
}
