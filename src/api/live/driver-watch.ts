/**
 * Where the drivers of followed orders are, looked at again and again while they are to be seen. Positions come thousands of times a
 * second and are told to no instance: each asks Redis by itself, for those alone whose orders are followed here.
 *
 * Who owns what: this object owns the set of orders whose driver it looks for, and their sightings. The topics are LiveTopics'.
 *
 * I1 One look at a time, at most every `liveDriverMs`, in questions of many; of more than `liveDriversMax` some are looked for the next time.
 * I2 A sighting counts only while the order has that driver and the driver is to be seen: what was asked before is asked of nobody after.
 */
import type { Clock } from "../../clock.ts";
import type { Metrics } from "../../ops/metrics.ts";
import type { OrderDocument, SeenDriver } from "../../schemas/order-document.ts";
import type { DriverPositions, KnownPosition } from "../../stores/driver-positions.ts";
import { CacheUnavailable } from "../../stores/effects-cache.ts";
import { positionTag } from "../entity-tags.ts";
import { driverOnTheWay } from "../seen-driver.ts";
import type { Sighting, Topic } from "./follower.ts";
import { LiveState, OrderFacts } from "./live-state.ts";

export type DriverWatchDeps = {
  readonly positions: Pick<DriverPositions, "read">;
  readonly bounds: { readonly liveDriverMs: number; readonly liveDriversMax: number };
  readonly clock: Pick<Clock, "monotonic" | "after">;
  readonly metrics: Pick<Metrics, "cacheFailures">;
  /** Told of what is no Redis that is away. */
  readonly onError: (error: unknown) => void;
};

export class DriverWatch {
  readonly #deps: DriverWatchDeps;
  /** In the order in which they were looked for last. */
  readonly #watched = new Map<Topic, SeenDriver>();
  #isLooking = false;
  #cancelLook: (() => void) | null = null;
  #isClosed = false;

  constructor(deps: DriverWatchDeps) {
    this.#deps = deps;
  }

  /** The topic is followed, and may have changed. */
  follow(topic: Topic): void {
    const driver = seenOf(topic)?.driver ?? null;
    if (driver === null) this.forget(topic);
    if (driver === null || this.#watched.get(topic)?.driverId === driver.driverId) return;
    topic.sighting = null; // I2
    this.#watched.set(topic, driver);
    this.#lookLater();
  }

  forget(topic: Topic): void {
    if (this.#watched.delete(topic)) topic.sighting = null; // I2
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelLook?.();
  }

  #lookLater(): void {
    if (this.#isLooking || this.#isClosed || this.#cancelLook !== null || this.#watched.size === 0) return;
    this.#cancelLook = this.#deps.clock.after(this.#deps.bounds.liveDriverMs, () => {
      this.#cancelLook = null;
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    const due = [...this.#watched].slice(0, this.#deps.bounds.liveDriversMax); // I1
    try {
      if (due.length === 0) return;
      const known = await this.#deps.positions.read(due.map(([, { driverId }]) => driverId));
      for (const [index, [topic, driver]] of due.entries()) this.#saw(topic, driver, known[index] ?? null);
    } catch (error) {
      if (error instanceof CacheUnavailable) this.#deps.metrics.cacheFailures.inc();
      else this.#deps.onError(error);
    } finally {
      this.#isLooking = false;
      this.#lookLater();
    }
  }

  #saw(topic: Topic, driver: SeenDriver, known: KnownPosition | null): void {
    const order = seenOf(topic);
    if (order === null || this.#watched.get(topic) !== driver) return; // I2
    // The last one that was looked for is the first one to wait: nobody is passed over.
    this.#watched.delete(topic);
    this.#watched.set(topic, driver);
    const tag = positionTag(driver, known);
    if (topic.sighting?.tag === tag) return;
    topic.sighting = this.#sighting(tag, order, driver, known);
    topic.wake();
  }

  /** Its age is that of when it is told. */
  #sighting(tag: string, order: OrderDocument, driver: SeenDriver, known: KnownPosition | null): Sighting {
    const { clock } = this.#deps;
    const seenAt = clock.monotonic();
    return {
      tag,
      state: () => {
        const ageMs = (known?.ageMs ?? 0) + Math.round(clock.monotonic() - seenAt);
        const now = known === null ? null : { ...known, ageMs };
        return new LiveState("order", "driver", null, driverOnTheWay(order, driver, now));
      },
    };
  }
}

const seenOf = ({ facts }: Topic): OrderDocument | null => (facts instanceof OrderFacts ? facts.seen : null);
