/**
 * What is followed, with everything that may come between: commits, messages that are late, doubled, out of order and lost with the feed,
 * reads that take their time or fail, followers that come with an id of another instance, are slow, and leave. Whoever follows sees each
 * state once, never an older one after a newer, and in the end the newest.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Follower } from "../../src/api/live/follower.ts";
import { LiveState } from "../../src/api/live/live-state.ts";
import type { LiveKind } from "../../src/api/live/live-state.ts";
import type { LiveSource } from "../../src/api/live/sources.ts";
import { LiveTopics } from "../../src/api/live/topics.ts";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";

/** Few, so that what happens meets. */
const ids = ["a"];
const kinds: readonly LiveKind[] = ["order", "product"];
/** Never looked at again without a reason, so that nothing mends what a gap has lost. */
const bounds = { ...limits, liveRecheckMs: Infinity };
const quantityAt = (position: number): number => position * 7 + 1;
const contentOf = (kind: LiveKind, id: string, position: number): object =>
  kind === "product" ? { productId: id, quantity: quantityAt(position), version: position } : { id, position };
const stateOf = (kind: LiveKind, id: string, position: number): LiveState =>
  new LiveState(kind, position, contentOf(kind, id, position));

type Question = { sample(): void; answer(): void; fail(): void };
type Message = { readonly kind: LiveKind; readonly id: string; readonly position: number };
/** `foreign` is an id that nobody can have been given when it was brought. */
type Seen = { follower: Follower | null; readonly kind: LiveKind; readonly id: string; last: number; foreign: number };

class LiveWorld {
  readonly clock = new FakeClock();
  readonly stored = new Map<string, number>();
  /** What Redis has of an order: never more than is stored. */
  readonly cached = new Map<string, number>();
  readonly published = new Map<string, number>();
  readonly messages: Message[] = [];
  readonly questions: Question[] = [];
  readonly followers: Seen[] = [];
  readonly topics: LiveTopics;
  /** What was found where nobody could be told. */
  readonly wrong: unknown[] = [];
  isHeard = true;

  constructor() {
    this.topics = new LiveTopics({
      sources: { order: this.#source("order"), product: this.#source("product") },
      bounds,
      clock: this.clock,
      metrics: createMetrics({ defaults: false }),
      onError: (error) => {
        throw error;
      },
    });
    this.topics.heard();
  }

  position(kind: LiveKind, id: string): number {
    return this.stored.get(kind + id) ?? 0;
  }

  commit(kind: LiveKind, id: string, by: number): void {
    this.stored.set(kind + id, this.position(kind, id) + by);
  }

  /** The effects are told of what is stored now, the cache first. */
  publish(kind: LiveKind, id: string): void {
    const position = this.position(kind, id);
    this.cached.set(kind + id, position);
    this.published.set(kind + id, position);
    if (this.isHeard) this.messages.push({ kind, id, position });
  }

  deliver(index: number, isKept: boolean): void {
    const [message] = isKept ? this.messages.slice(index, index + 1) : this.messages.splice(index, 1);
    if (message === undefined) return;
    const { kind, id, position } = message;
    if (kind === "product") this.topics.changed({ stock: [[id, quantityAt(position), position]], orders: [] });
    else if (position % 2 === 0) this.topics.changed({ stock: [], orders: [[id, position]] });
    else this.topics.decided({ decisions: [[id, "accepted", null, 1, 1, 0, 0, 1, position]] });
  }

  /** The connection is lost, with all that was in it. */
  lose(): void {
    this.isHeard = false;
    this.messages.length = 0;
    this.topics.lost();
  }

  /** A message could not be read. */
  miss(): void {
    this.messages.shift();
    this.topics.heard();
  }

  hear(): void {
    this.isHeard = true;
    this.topics.heard();
  }

  follow(kind: LiveKind, id: string, after: number | null): void {
    const isForeign = after !== null && after > this.position(kind, id);
    const seen: Seen = {
      follower: null,
      kind,
      id,
      last: isForeign ? -1 : (after ?? -1),
      foreign: isForeign ? after : -1,
    };
    this.followers.push(seen);
    const isOnItsWay = this.messages.some((message) => message.kind === kind && message.id === id);
    const told = isOnItsWay ? 0 : (this.published.get(kind + id) ?? 0);
    this.topics
      .follow({ kind, id, after, wake: () => undefined })
      .then(
        (follower) => {
          seen.follower = follower;
          // Nobody begins with less than all had been told of.
          expect(Math.max(follower.topic.position, after ?? 0)).toBeGreaterThanOrEqual(told);
        },
        (error: unknown) => {
          expect(error).toBeInstanceOf(StoreUnavailable);
        },
      )
      .catch((error: unknown) => this.wrong.push(error));
  }

  take(seen: Seen | undefined): boolean {
    const state = seen?.follower?.next() ?? null;
    if (seen === undefined || state === null) return false;
    expect(state.position).toBeGreaterThan(seen.last);
    expect(state.position).toBeLessThanOrEqual(this.position(seen.kind, seen.id));
    expect(JSON.parse(state.json)).toEqual(contentOf(seen.kind, seen.id, state.position));
    seen.last = state.position;
    return true;
  }

  leave(seen: Seen | undefined): void {
    seen?.follower?.leave();
    if (seen !== undefined) seen.follower = null;
  }

  /** All services are there, all that was said arrives, and time passes. */
  async settle(): Promise<void> {
    if (!this.isHeard) this.hear();
    // What was told is not told again, though it may be lost.
    for (const kind of kinds) {
      for (const id of ids) if (this.published.get(kind + id) !== this.stored.get(kind + id)) this.publish(kind, id);
    }
    while (this.messages.length > 0) this.deliver(0, false);
    for (let turn = 0; turn < 8; turn++) {
      await this.clock.advance(limits.liveUnheardMs);
      for (const question of this.questions.splice(0)) question.answer();
      await settled();
    }
  }

  #ask<Result>(sample: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      let sampled: { readonly result: Result } | undefined;
      const look = (): { readonly result: Result } => (sampled ??= { result: sample() });
      this.questions.push({
        sample: look,
        answer: () => resolve(look().result),
        fail: () => reject(new StoreUnavailable("away")),
      });
    });
  }

  #source(kind: LiveKind): LiveSource {
    const now = (id: string): LiveState => stateOf(kind, id, this.position(kind, id));
    return {
      // What it finds in the cache may be behind.
      find: (id) =>
        this.#ask(() => {
          const cached = kind === "order" ? this.cached.get(kind + id) : undefined;
          return cached === undefined ? now(id) : stateOf(kind, id, cached);
        }),
      changed: (id, position) =>
        this.#ask(() => {
          const cached = this.cached.get(kind + id) ?? -1;
          return cached >= position ? stateOf(kind, id, cached) : now(id);
        }),
      stored: (some) => this.#ask(() => some.map(now)),
    };
  }
}

const kind = fc.constantFrom(...kinds);
const id = fc.constantFrom(...ids);
const which = fc.nat(50);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("commit" as const), kind, id, by: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("publish" as const), kind, id }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("deliver" as const), which, isKept: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("follow" as const), kind, id, after: fc.option(fc.nat(6)) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("sample" as const), which }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("answer" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("fail" as const), which }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("take" as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("leave" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lose" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("miss" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("hear" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(1, 60, 250, 2_500) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Each> ? Each : never;

async function run(world: LiveWorld, each: Step): Promise<void> {
  const among = (list: readonly unknown[]): number => ("which" in each ? each.which % Math.max(1, list.length) : 0);
  const question = world.questions[among(world.questions)];
  const seen = world.followers[among(world.followers)];
  switch (each.do) {
    case "commit":
      world.commit(each.kind, each.id, each.by);
      break;
    case "publish":
      world.publish(each.kind, each.id);
      break;
    case "deliver":
      world.deliver(among(world.messages), each.isKept);
      break;
    case "follow":
      world.follow(each.kind, each.id, each.after);
      break;
    case "sample":
      question?.sample();
      break;
    case "answer":
    case "fail":
      if (question === undefined) return;
      world.questions.splice(world.questions.indexOf(question), 1);
      question[each.do]();
      await settled();
      break;
    case "take":
      world.take(seen);
      break;
    case "leave":
      world.leave(seen);
      break;
    case "lose":
      world.lose();
      break;
    case "miss":
      if (world.isHeard) world.miss();
      break;
    case "hear":
      if (!world.isHeard) world.hear();
      break;
    case "pass":
      await world.clock.advance(each.ms);
      break;
  }
}

describe("what is followed", () => {
  test("is seen once, in order, and to the end", async () => {
    let told = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 150 }), async (steps) => {
        const world = new LiveWorld();
        for (const each of steps) await run(world, each);
        await world.settle();
        expect(world.wrong).toEqual([]);
        for (const seen of world.followers) {
          if (seen.follower === null) continue;
          while (world.take(seen)) told += 1;
          const position = world.position(seen.kind, seen.id);
          // While PostgreSQL can't say that nobody was given an id, it is believed.
          if (seen.last === -1) expect(seen.foreign).toBeGreaterThanOrEqual(position);
          else expect(seen.last).toBe(position);
        }
        for (const seen of world.followers) world.leave(seen);
        expect(world.topics.follows()).toBe(false);
        world.topics.close();
      }),
      { numRuns: 1_000 },
    );
    expect(told).toBeGreaterThan(500);
  });
});
