/**
 * What is followed, with everything that may come between: commits, messages that are late, doubled, out of order and lost with the feed,
 * reads that take their time or fail, followers that come with an id of another instance, are slow, and leave. Whoever follows sees each
 * state once, never an older one after a newer, and in the end the newest.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Follower } from "../../src/api/live/follower.ts";
import { nowhere, OrderFacts, ProductFacts, reaches } from "../../src/api/live/live-state.ts";
import type { Facts, LiveKind, Position } from "../../src/api/live/live-state.ts";
import type { LiveSource } from "../../src/api/live/sources.ts";
import { LiveTopics } from "../../src/api/live/topics.ts";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { decidedOrder } from "../../src/schemas/order-document.ts";
import type { FulfilmentStep } from "../../src/schemas/order-document.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import { orderLine } from "../support/commands.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { productOf } from "./live-facts.ts";

/** Few, so that what happens meets. */
const ids = ["a"];
const kinds: readonly LiveKind[] = ["order", "product"];
/** Never looked at again without a reason, so that nothing mends what a gap has lost. */
const bounds = { ...limits, liveRecheckMs: Infinity };
const quantityAt = (version: number): number => version * 7 + 1;
/** An order is packed from its second revision on: its way counts from then on. */
const isPacked = (revision: number): boolean => revision >= 2;
const stepAt = (way: number): FulfilmentStep =>
  way === 0 ? "packed" : way % 2 === 0 ? "delivered" : "out_for_delivery";
function factsOf(kind: LiveKind, id: string, [first, second]: Position): Facts {
  if (kind === "product") {
    const stock = { productId: id, quantity: quantityAt(first), version: first };
    return new ProductFacts(stock, productOf(id, second));
  }
  const line = orderLine({ commandId: id, revision: first, fulfilment: isPacked(first) ? "packed" : null });
  const way = { revision: second, fulfilment: stepAt(second), driver: null };
  return new OrderFacts(decidedOrder(line, 0), way);
}
/** What is to be told of it. */
const shown = (kind: LiveKind, [first, second]: Position): Position =>
  kind === "order" && !isPacked(first) ? [first, 0] : [first, second];
/** The first state that is stored: a product has a revision from its beginning. */
const firstOf = (kind: LiveKind): Position => (kind === "product" ? [0, 1] : [0, 0]);
const at = (position: Position, which: 0 | 1, number: number): Position =>
  which === 0 ? [number, position[1]] : [position[0], number];

type Question = { sample(): void; answer(): void; fail(): void };
/** Of one of the two numbers. */
type Message = { readonly kind: LiveKind; readonly id: string; readonly which: 0 | 1; readonly number: number };
/** `foreign` is an id that nobody can have been given when it was brought. */
type Seen = {
  follower: Follower | null;
  readonly kind: LiveKind;
  readonly id: string;
  last: Position;
  readonly foreign: Position | null;
};

class LiveWorld {
  readonly clock = new FakeClock();
  readonly stored = new Map<string, Position>();
  /** The revision of an order that Redis has: never more than is stored. */
  readonly cached = new Map<string, number>();
  readonly published = new Map<string, Position>();
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
      watch: { follow: () => undefined, forget: () => undefined, close: () => undefined },
      bounds,
      clock: this.clock,
      metrics: createMetrics({ defaults: false }),
      onError: (error) => {
        throw error;
      },
    });
    this.topics.heard();
  }

  position(kind: LiveKind, id: string): Position {
    return this.stored.get(kind + id) ?? firstOf(kind);
  }

  commit(kind: LiveKind, id: string, which: 0 | 1, by: number): void {
    const before = this.position(kind, id);
    this.stored.set(kind + id, at(before, which, before[which] + by));
  }

  /** What is stored now is told of, the cache first. */
  publish(kind: LiveKind, id: string, which: 0 | 1): void {
    const number = this.position(kind, id)[which];
    if (which === 0) this.cached.set(kind + id, number);
    this.published.set(kind + id, at(this.published.get(kind + id) ?? nowhere, which, number));
    if (this.isHeard) this.messages.push({ kind, id, which, number });
  }

  deliver(index: number, isKept: boolean): void {
    const [message] = isKept ? this.messages.slice(index, index + 1) : this.messages.splice(index, 1);
    if (message === undefined) return;
    const { kind, id, which, number } = message;
    const none = { stock: [], orders: [] };
    if (kind === "product" && which === 0) this.topics.changed({ ...none, stock: [[id, quantityAt(number), number]] });
    else if (kind === "product") this.topics.changed({ ...none, products: [[id, number, "c"]] });
    else if (which === 1) this.topics.changed({ ...none, ways: [[id, number]] });
    else if (number % 2 === 0) this.topics.changed({ ...none, orders: [[id, number]] });
    else this.topics.decided({ decisions: [[id, "accepted", null, 1, 1, 0, 0, 1, number]] });
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

  follow(kind: LiveKind, id: string, after: Position | null): void {
    const isForeign = after !== null && !reaches(shown(kind, this.position(kind, id)), after);
    const seen: Seen = {
      follower: null,
      kind,
      id,
      last: isForeign ? nowhere : (after ?? nowhere),
      foreign: isForeign ? after : null,
    };
    this.followers.push(seen);
    const isOnItsWay = this.messages.some((message) => message.kind === kind && message.id === id);
    const told = isOnItsWay ? nowhere : shown(kind, this.published.get(kind + id) ?? nowhere);
    this.topics
      .follow({ kind, id, after, wake: () => undefined })
      .then(
        (follower) => {
          seen.follower = follower;
          // Nobody begins with less than all had been told of.
          const { position } = follower.topic;
          const known = [0, 1].map((which) => Math.max(position[which] ?? -1, after?.[which] ?? -1));
          expect(reaches([known[0] ?? -1, known[1] ?? -1], told)).toBe(true);
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
    const position = state.position ?? nowhere;
    const { kind, id, last, foreign } = seen;
    // Neither number is ever behind what was told, and one is ahead.
    expect(reaches(position, last)).toBe(true);
    expect(position).not.toEqual(last);
    if (foreign === null) expect(reaches(this.position(kind, id), position)).toBe(true);
    const whole = factsOf(kind, id, position).next(state.name === "product" ? [position[0], -1] : nowhere);
    expect([state.name, JSON.parse(state.json)]).toEqual([whole?.name, JSON.parse(whole?.json ?? "{}")]);
    seen.last = position;
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
      for (const id of ids) {
        for (const which of [0, 1] as const) {
          if (this.published.get(kind + id)?.[which] !== this.stored.get(kind + id)?.[which])
            this.publish(kind, id, which);
        }
      }
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
    const now = (id: string): Facts => factsOf(kind, id, this.position(kind, id));
    /** What it finds in the cache may be behind. */
    const cached = (id: string, least: number): Facts => {
      const revision = kind === "order" ? (this.cached.get(kind + id) ?? -1) : -1;
      return revision >= least ? factsOf(kind, id, [revision, this.position(kind, id)[1]]) : now(id);
    };
    return {
      find: (id) => this.#ask(() => cached(id, 0)),
      changed: (id, [first]) => this.#ask(() => cached(id, Math.max(0, first))),
      stored: (some) => this.#ask(() => some.map(now)),
    };
  }
}

const kind = fc.constantFrom(...kinds);
const id = fc.constantFrom(...ids);
const which = fc.nat(50);
const number = fc.constantFrom(0 as const, 1 as const);
const after = fc.option(fc.tuple(fc.nat(6), fc.nat(4)));
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("commit" as const), kind, id, number, by: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("publish" as const), kind, id, number }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("deliver" as const), which, isKept: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("follow" as const), kind, id, after }) },
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
      world.commit(each.kind, each.id, each.number, each.by);
      break;
    case "publish":
      world.publish(each.kind, each.id, each.number);
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
  test("of two readings keeps the newer of each number, whichever came first", () => {
    const position = fc.tuple(fc.nat(5), fc.nat(5));
    fc.assert(
      fc.property(kind, fc.array(position, { minLength: 1, maxLength: 6 }), (some, positions) => {
        const facts = positions.map((each) => factsOf(some, "a", each)).reduce((one, other) => one.with(other));
        const newest: Position = [
          Math.max(...positions.map(([first]) => first)),
          Math.max(...positions.map(([, second]) => second)),
        ];
        const whole = factsOf(some, "a", newest);
        expect(facts.position).toEqual(shown(some, newest));
        for (const told of [nowhere, [newest[0], -1] as const])
          expect(facts.next(told)?.json).toBe(whole.next(told)?.json);
        expect(facts.with(whole)).toBe(facts);
      }),
    );
  });

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
          const { foreign, last } = seen;
          const position = shown(seen.kind, world.position(seen.kind, seen.id));
          // While PostgreSQL can't say that nobody was given an id, it is believed.
          for (const which of [0, 1] as const)
            if (foreign === null || foreign[which] < position[which]) expect(last[which]).toBe(position[which]);
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
