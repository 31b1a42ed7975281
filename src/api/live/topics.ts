/**
 * What subscribers follow: orders and products, each with the newest state of it that this process knows.
 *
 * Who owns what: this object owns the topics. A topic is there while somebody follows it, and has its newest state. A follower belongs to
 * the subscriber that asked for it, which leaves.
 *
 * I1 A topic is entered before its state is read first, so that nothing falls between the reading and the feed.
 * I2 The position of a topic's state only grows: what comes late, twice, or from a cache that is behind counts for nothing (P16).
 * I3 A follower is told only what lies beyond what it was told before, be it by another process, whose event id it brings.
 * I4 A state is handed out unread only if it was read since the feed was last heard anew. After a gap in the feed, all that is followed
 *    is read again from PostgreSQL, so many topics at once; while the feed is lost, and where it may have lost something unnoticed, now
 *    and then.
 * I5 Nothing is kept for a follower but its position: one that is slow finds the newest state when it can take it.
 */
import type { Clock } from "../../clock.ts";
import type { limits } from "../../limits.ts";
import type { Metrics } from "../../ops/metrics.ts";
import type { DecisionMessage } from "../../schemas/decision-feed.ts";
import type { DecisionListener } from "../../stores/decision-feed.ts";
import { StoreUnavailable } from "../../stores/ledger-store.ts";
import { Problem, retrySoon } from "../problems.ts";
import { Follower, Topic } from "./follower.ts";
import { stockFact } from "./described-product.ts";
import type { DriverWatch } from "./driver-watch.ts";
import { ProductFacts, reaches } from "./live-state.ts";
import type { LiveKind, Position } from "./live-state.ts";
import type { LiveSource } from "./sources.ts";

export type LiveBounds = Pick<
  typeof limits,
  "liveFollowedMax" | "liveStockIntervalMs" | "liveLookMs" | "liveLookTopicsMax" | "liveUnheardMs" | "liveRecheckMs"
>;

export type LiveTopicsDeps = {
  readonly sources: Readonly<Record<LiveKind, LiveSource>>;
  /** Told of the orders that are followed. */
  readonly watch: Pick<DriverWatch, "follow" | "forget" | "close">;
  readonly bounds: LiveBounds;
  readonly clock: Pick<Clock, "monotonic" | "after">;
  readonly metrics: Pick<Metrics, "liveFollowed" | "liveGaps">;
  /** Told of what is no service that is away. */
  readonly onError: (error: unknown) => void;
};

export type FollowOptions = {
  readonly kind: LiveKind;
  readonly id: string;
  /** The position that was told last, here or elsewhere; null: none. */
  readonly after: Position | null;
  /** Called when there is more to tell. Must not throw. */
  readonly wake: () => void;
};

export class LiveTopics implements Pick<DecisionListener, "heard" | "lost" | "follows" | "changed"> {
  readonly #deps: LiveTopicsDeps;
  readonly #topics: Readonly<Record<LiveKind, Map<string, Topic>>> = { order: new Map(), product: new Map() };
  #followed = 0;
  /** Grows whenever messages may have been missed (I4). */
  #epoch = 0;
  #isHeard = false;
  /** Products with a state that their followers were not told of. */
  readonly #untold = new Set<Topic>();
  #toldAt = -Infinity;
  #cancelTelling: (() => void) | null = null;
  #isLooking = false;
  #cancelLook: (() => void) | null = null;
  #isClosed = false;

  constructor(deps: LiveTopicsDeps) {
    this.#deps = deps;
  }

  /**
   * The follower has its first state at once, unless that is the one at `after`. Rejects as a reader of the same would be answered, and
   * when too much is followed.
   */
  async follow({ kind, id, after, wake }: FollowOptions): Promise<Follower> {
    const { bounds, metrics } = this.#deps;
    if (this.#followed >= bounds.liveFollowedMax) throw tooManySubscribers();
    const topic = this.#topics[kind].get(id) ?? new Topic(kind, id);
    this.#topics[kind].set(id, topic); // I1
    const follower = new Follower(topic, wake, () => {
      metrics.liveFollowed.set(--this.#followed);
      if (topic.followers.size > 0 || this.#topics[kind].get(id) !== topic) return;
      this.#topics[kind].delete(id);
      this.#deps.watch.forget(topic);
    });
    metrics.liveFollowed.set(++this.#followed);
    this.#lookLater();
    try {
      if (!this.#isFresh(topic)) await this.#found(topic);
      const isKnown = after === null || reaches(topic.position, after);
      follower.open(isKnown ? after : await this.#checked(topic, after));
      return follower;
    } catch (error) {
      follower.leave();
      throw error;
    }
  }

  heard(): void {
    this.#epoch += 1;
    this.#isHeard = true;
    if (!this.follows()) return;
    this.#deps.metrics.liveGaps.inc();
    this.#cancelLook?.();
    this.#cancelLook = null;
    void this.#look();
  }

  lost(): void {
    this.#epoch += 1;
    this.#isHeard = false;
  }

  follows(): boolean {
    return this.#followed > 0;
  }

  followsOrders(): boolean {
    return this.#topics.order.size > 0;
  }

  decided({ decisions }: Pick<DecisionMessage, "decisions">): void {
    if (!this.followsOrders()) return;
    for (const notice of decisions) this.#expect("order", notice[0], [notice[8], -1]);
  }

  changed({ stock, orders, ways = [], products = [] }: DecisionMessage["changes"]): void {
    for (const [orderId, revision] of orders) this.#expect("order", orderId, [revision, -1]);
    for (const [orderId, revision] of ways) this.#expect("order", orderId, [-1, revision]);
    for (const [productId, revision] of products) this.#expect("product", productId, [-1, revision]);
    for (const [productId, quantity, version] of stock) {
      const topic = this.#topics.product.get(productId);
      const told = new ProductFacts(stockFact(productId, { quantity, version }), null);
      if (topic?.take(told) === true) this.#untold.add(topic);
    }
    this.#tell();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelLook?.();
    this.#cancelTelling?.();
    this.#deps.watch.close();
  }

  #isFresh(topic: Topic): boolean {
    return topic.isKnown && !topic.isBehind() && this.#isHeard && topic.epoch === this.#epoch; // I4
  }

  /** One reading for all who come while the feed is heard; what was told before that was read may be missed by those who come later (I4). */
  #found(topic: Topic): Promise<void> {
    if (!this.#isHeard) return this.#find(topic, this.#epoch);
    if (topic.finding?.epoch === this.#epoch) return topic.finding.ended;
    const finding = { epoch: this.#epoch, ended: this.#find(topic, this.#epoch) };
    topic.finding = finding;
    return finding.ended.finally(() => {
      if (topic.finding === finding) topic.finding = null;
    });
  }

  async #find(topic: Topic, epoch: number): Promise<void> {
    const facts = await this.#deps.sources[topic.kind].find(topic.id);
    this.#taken(topic, epoch);
    if (topic.take(facts)) this.#changedTopic(topic);
  }

  /**
   * What to tell a caller who has seen more than is known here: either what is known comes from a cache that is behind, or its id was
   * never given, and it is told all (I3).
   */
  async #checked(topic: Topic, after: Position): Promise<Position | null> {
    try {
      await this.#read([topic]);
    } catch (error) {
      if (error instanceof StoreUnavailable) return after;
      throw error;
    }
    return reaches(topic.position, after) ? after : null;
  }

  /** It is said to be that far; -1: nothing is said. */
  #expect(kind: LiveKind, id: string, said: Position): void {
    const topic = this.#topics[kind].get(id);
    if (topic === undefined || reaches(topic.expected, said)) return;
    topic.expected = [Math.max(topic.expected[0], said[0]), Math.max(topic.expected[1], said[1])];
    if (topic.isBehind() && !topic.isReading) void this.#readExpected(topic);
  }

  async #readExpected(topic: Topic): Promise<void> {
    topic.isReading = true;
    try {
      while (topic.isBehind() && topic.followers.size > 0) {
        const [epoch, expected] = [this.#epoch, topic.expected];
        const facts = await this.#deps.sources[topic.kind].changed(topic.id, expected);
        this.#taken(topic, epoch);
        if (facts !== null && topic.take(facts)) this.#changedTopic(topic);
        // PostgreSQL itself does not have it: it was never there, or nobody who follows it is to be told of it yet.
        if (topic.isBehind() && topic.expected === expected) topic.expected = topic.position;
      }
    } catch (error) {
      this.#failed(error); // The next look reads it.
    } finally {
      topic.isReading = false;
    }
  }

  #changedTopic(topic: Topic): void {
    if (topic.kind === "order") {
      this.#deps.watch.follow(topic);
      topic.wake();
    } else {
      this.#untold.add(topic);
      this.#tell();
    }
  }

  /** At once, if the last time is long enough ago. */
  #tell(): void {
    if (this.#untold.size === 0 || this.#cancelTelling !== null || this.#isClosed) return;
    const { clock, bounds } = this.#deps;
    const waitMs = this.#toldAt + bounds.liveStockIntervalMs - clock.monotonic();
    const tell = (): void => {
      this.#cancelTelling = null;
      this.#toldAt = clock.monotonic();
      const untold = [...this.#untold];
      this.#untold.clear();
      for (const topic of untold) topic.wake();
    };
    if (waitMs <= 0) tell();
    else this.#cancelTelling = clock.after(waitMs, tell);
  }

  #taken(topic: Topic, epoch: number): void {
    topic.epoch = Math.max(topic.epoch, epoch);
    topic.readAt = this.#deps.clock.monotonic();
  }

  #lookLater(waitMs = this.#deps.bounds.liveLookMs): void {
    if (this.#cancelLook !== null || this.#isLooking || this.#isClosed || !this.follows()) return;
    this.#cancelLook = this.#deps.clock.after(waitMs, () => {
      this.#cancelLook = null;
      void this.#look();
    });
  }

  /** Reads again what must be, as much as one look may. One at a time, so that a slow PostgreSQL is not asked the more. */
  async #look(): Promise<void> {
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    let waitMs: number | undefined;
    try {
      await this.#read(this.#due());
    } catch (error) {
      this.#failed(error);
      waitMs = this.#deps.bounds.liveUnheardMs;
    } finally {
      this.#isLooking = false;
      this.#lookLater(waitMs);
    }
  }

  #due(): Topic[] {
    const { bounds, clock } = this.#deps;
    const readBefore = clock.monotonic() - (this.#isHeard ? bounds.liveRecheckMs : bounds.liveUnheardMs);
    const due: Topic[] = [];
    for (const topics of Object.values(this.#topics)) {
      for (const topic of topics.values()) {
        if (due.length >= bounds.liveLookTopicsMax) return due;
        if (!topic.isKnown) continue; // Somebody is about to read it.
        const isBehind = topic.isBehind() && !topic.isReading;
        if (isBehind || topic.readAt <= readBefore || (this.#isHeard && topic.epoch < this.#epoch)) due.push(topic);
      }
    }
    return due;
  }

  async #read(topics: readonly Topic[]): Promise<void> {
    const epoch = this.#epoch;
    for (const kind of ["order", "product"] as const) {
      const some = topics.filter((topic) => topic.kind === kind);
      if (some.length === 0) continue;
      const found = await this.#deps.sources[kind].stored(some.map(({ id }) => id));
      some.forEach((topic, index) => {
        this.#taken(topic, epoch);
        const facts = found[index] ?? null;
        if (facts !== null && topic.take(facts)) this.#changedTopic(topic);
        // The last one that was read is the first one to wait: nobody is passed over.
        if (this.#topics[kind].get(topic.id) !== topic) return;
        this.#topics[kind].delete(topic.id);
        this.#topics[kind].set(topic.id, topic);
      });
    }
  }

  #failed(error: unknown): void {
    if (!(error instanceof StoreUnavailable)) this.#deps.onError(error);
  }
}

export const tooManySubscribers = (): Problem =>
  new Problem("too_many_subscribers", "This api has as many subscribers as it takes. Ask again soon, or poll.", {
    headers: retrySoon,
  });
