/**
 * Who is subscribed to this api: event streams and WebSockets. They have a bound, each is called now and then, so that it may say that
 * it lives or find that its reader does not, and all are sent away when the server closes.
 *
 * Who owns what: this object owns the places. A subscriber owns the place that it was given, and gives it back once.
 *
 * I1 At most `liveSubscribersMax` places are given.
 * I2 Calls are spread over `liveBeatMs`, so that thousands do not speak in one turn of the event loop.
 * I3 Whoever comes while the server closes is sent away like the others.
 */
import type { Clock } from "../../clock.ts";
import type { Metrics } from "../../ops/metrics.ts";

export type Subscriber = {
  /** Called every `liveBeatMs`. Must not throw. */
  beat(): void;
  /** The server closes. Must not throw. */
  leave(): void;
};

export type Place = {
  /** Once, when the subscriber can be called. */
  take(subscriber: Subscriber): void;
  /** Once is enough. */
  free(): void;
};

export type SubscriberKind = "events" | "websocket";

export type Subscribers = {
  /** Null: all are taken (I1). */
  place(over: SubscriberKind): Place | null;
  leave(): void;
};

export type SubscribersDeps = {
  readonly bounds: { readonly liveSubscribersMax: number; readonly liveBeatMs: number };
  readonly clock: Pick<Clock, "after">;
  readonly metrics: Pick<Metrics, "liveSubscribers">;
};

const turnsPerBeat = 60;

export function createSubscribers({ bounds, clock, metrics }: SubscribersDeps): Subscribers {
  const turns = Array.from({ length: turnsPerBeat }, () => new Set<Subscriber>());
  const counts: Record<SubscriberKind, number> = { events: 0, websocket: 0 };
  let [given, turn, newest] = [0, 0, 0];
  let cancelBeat: (() => void) | null = null;
  let isLeaving = false;

  const beatLater = (): void => {
    if (cancelBeat !== null || given === 0 || isLeaving) return;
    cancelBeat = clock.after(bounds.liveBeatMs / turnsPerBeat, () => {
      cancelBeat = null;
      turn = (turn + 1) % turnsPerBeat;
      for (const subscriber of turns[turn] ?? []) subscriber.beat();
      beatLater();
    });
  };
  const count = (over: SubscriberKind, by: number): void => {
    given += by;
    counts[over] += by;
    metrics.liveSubscribers.labels(over).set(counts[over]);
  };

  return {
    place: (over) => {
      if (given >= bounds.liveSubscribersMax) return null;
      count(over, 1);
      newest = (newest + 1) % turnsPerBeat;
      const own = turns[newest]; // I2
      let [isFree, taken]: [boolean, Subscriber | null] = [false, null];
      return {
        take: (subscriber) => {
          if (isFree) return;
          taken = subscriber;
          own?.add(subscriber);
          if (isLeaving)
            subscriber.leave(); // I3
          else beatLater();
        },
        free: () => {
          if (isFree) return;
          isFree = true;
          count(over, -1);
          if (taken !== null) own?.delete(taken);
        },
      };
    },
    leave: () => {
      isLeaving = true;
      cancelBeat?.();
      for (const subscriber of turns.flatMap((some) => [...some])) subscriber.leave();
    },
  };
}
