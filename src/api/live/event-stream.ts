/**
 * One event stream (server-sent events), as its client reads it.
 *
 * Who owns what: the stream owns its follower and its place, and gives them back when it is over, however that came.
 *
 * I1 Nothing is made before it can be taken: while the client is slow no event waits in here, and what is made next is the newest state.
 * I2 A client that has not taken what there was for `liveStallMs` is sent away, with the reason as the last event; its connection is
 *    cut if it does not take that either.
 */
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { Clock } from "../../clock.ts";
import type { limits } from "../../limits.ts";
import type { Metrics } from "../../ops/metrics.ts";
import type { Follower } from "./follower.ts";
import type { Place, Subscriber } from "./subscribers.ts";

/** Why a subscriber is sent away. */
export type EndReason = "leaving" | "slow_reader";

export type StreamBounds = Pick<typeof limits, "liveStallMs" | "liveEndMs" | "liveRetryMs" | "liveRetrySpreadMs">;

export type EventStreamOptions = {
  readonly follower: Follower;
  readonly place: Place;
  /** Where it goes: what is left of it when it should be over is cut. */
  readonly response: Pick<ServerResponse, "destroy">;
  readonly bounds: StreamBounds;
  readonly clock: Pick<Clock, "monotonic" | "after">;
  readonly metrics: Pick<Metrics, "liveEvents" | "liveDropped">;
};

const beat = Buffer.from(":\n\n");

export class EventStream extends Readable implements Subscriber {
  readonly #options: EventStreamOptions;
  #isAsked = false;
  /** Since when something waits to be asked for; null: nothing does. */
  #waitsSince: number | null = null;
  #isEnded = false;
  #cancelCut: (() => void) | undefined;

  constructor(options: EventStreamOptions) {
    super({ highWaterMark: 0 }); // I1
    this.#options = options;
    this.push(`retry: ${options.bounds.liveRetryMs}\n\n`);
    options.place.take(this);
  }

  /** There is more to tell. */
  wake(): void {
    if (this.#isEnded || this.destroyed) return;
    const { follower, metrics, clock } = this.#options;
    if (!this.#isAsked) {
      if (follower.hasNext()) this.#waitsSince ??= clock.monotonic();
      return;
    }
    const state = follower.next();
    if (state === null) return;
    this.#isAsked = false;
    this.push(state.event);
    metrics.liveEvents.labels(state.name).inc();
  }

  beat(): void {
    const { clock, bounds } = this.#options;
    if (this.#waitsSince !== null && clock.monotonic() - this.#waitsSince >= bounds.liveStallMs) {
      this.#end("slow_reader", bounds.liveRetryMs); // I2
    } else if (this.#isAsked && !this.#isEnded) {
      this.#isAsked = false;
      this.push(beat);
    }
  }

  leave(): void {
    const { liveRetryMs, liveRetrySpreadMs } = this.#options.bounds;
    // Not all at once.
    this.#end("leaving", liveRetryMs + Math.floor(Math.random() * liveRetrySpreadMs));
  }

  override _read(): void {
    this.#isAsked = true;
    this.#waitsSince = null;
    this.wake();
  }

  /** The connection is closed. */
  gone(): void {
    this.#cancelCut?.();
    this.destroy();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#isEnded = true;
    this.#options.follower.leave();
    this.#options.place.free();
    done(error);
  }

  #end(reason: EndReason, retryMs: number): void {
    if (this.#isEnded || this.destroyed) return;
    this.#isEnded = true;
    const { response, clock, bounds, metrics } = this.#options;
    metrics.liveDropped.labels(reason).inc();
    this.push(`retry: ${retryMs}\nevent: end\ndata: ${JSON.stringify({ reason })}\n\n`);
    this.push(null);
    this.#cancelCut = clock.after(bounds.liveEndMs, () => response.destroy());
  }
}
