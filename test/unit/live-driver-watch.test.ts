/** Where drivers of followed orders are: how often and for how many it is asked, and for whom not any more. */
import { expect, test } from "vitest";
import { DriverWatch } from "../../src/api/live/driver-watch.ts";
import { Follower, Topic } from "../../src/api/live/follower.ts";
import { OrderFacts } from "../../src/api/live/live-state.ts";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { decidedOrder } from "../../src/schemas/order-document.ts";
import type { FulfilmentStep } from "../../src/schemas/order-document.ts";
import type { KnownPosition } from "../../src/stores/driver-positions.ts";
import { CacheUnavailable } from "../../src/stores/effects-cache.ts";
import { orderLine, uuidOf } from "../support/commands.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";

function openWatch(bounds: Partial<typeof limits> = {}) {
  const clock = new FakeClock();
  const asked: (readonly string[])[] = [];
  const at = new Map<string, number>();
  let [held, isAway]: [Promise<void>, boolean] = [Promise.resolve(), false];
  const watch = new DriverWatch({
    positions: {
      read: async (ids) => {
        asked.push(ids);
        await held;
        if (isAway) throw new CacheUnavailable("away");
        return ids.map((driverId): KnownPosition | null => {
          const sequence = at.get(driverId);
          if (sequence === undefined) return null;
          return { driverId, latitude: 48, longitude: 11, observedAt: sequence, sequence, ageMs: 5 };
        });
      },
    },
    bounds: { ...limits, ...bounds },
    clock,
    metrics: createMetrics({ defaults: false }),
    onError: (error) => {
      throw error;
    },
  });
  const follow = (number: number) => {
    const commandId = uuidOf(number);
    const topic = new Topic("order", commandId);
    const order = decidedOrder(orderLine({ commandId, revision: 2, fulfilment: "packed" }), 0);
    let revision = 0;
    const change = (fulfilment: FulfilmentStep, driverId = `d${number}`): void => {
      const driver = { driverId, name: driverId };
      topic.take(new OrderFacts(order, { revision: (revision += 1), fulfilment, driver }));
      watch.follow(topic);
    };
    change("out_for_delivery");
    const follower = new Follower(
      topic,
      () => undefined,
      () => undefined,
    );
    follower.open([2, 1]);
    return { topic, follower, change };
  };
  const pass = async (ms = limits.liveDriverMs): Promise<void> => {
    await clock.advance(ms);
    await settled();
  };
  return {
    ...{ asked, at, clock, follow, pass, watch },
    hold: (until: Promise<void>): void => void (held = until),
    setAway: (value: boolean) => (isAway = value),
  };
}
const told = (follower: Follower): unknown => {
  const state = follower.next();
  return state === null ? null : [state.name, JSON.parse(state.json)];
};

test("once a second, in one question, and told only where it is another position; a slow reader finds the newest", async () => {
  const { asked, at, follow, pass } = openWatch();
  const [one, two] = [follow(1), follow(2)];
  at.set("d1", 7);
  await pass(limits.liveDriverMs - 1);
  expect(asked).toEqual([]);
  await pass(1);
  expect(asked).toEqual([["d1", "d2"]]);
  expect(told(one.follower)).toMatchObject(["driver", { orderId: uuidOf(1), position: { ageMs: 5 } }]);
  expect(told(one.follower)).toBe(null);
  expect(told(two.follower)).toMatchObject(["driver", { position: null }]);
  await pass();
  expect([told(one.follower), told(two.follower)]).toEqual([null, null]);
  for (const sequence of [8, 9, 10]) {
    at.set("d1", sequence);
    await pass();
  }
  await pass(300);
  const observedAt = new Date(10).toISOString();
  expect(told(one.follower)).toMatchObject(["driver", { position: { observedAt, ageMs: 305 } }]);
  expect(told(one.follower)).toBe(null);
});

test("of too many some are looked for the next time, and nobody is passed over", async () => {
  const { asked, follow, pass } = openWatch({ liveDriversMax: 2 });
  for (const number of [1, 2, 3]) follow(number);
  await pass();
  await pass();
  await pass();
  expect(asked).toEqual([
    ["d1", "d2"],
    ["d3", "d1"],
    ["d2", "d3"],
  ]);
});

test.each<[string, (order: ReturnType<ReturnType<typeof openWatch>["follow"]>) => void]>([
  ["that was delivered meanwhile", ({ change }) => change("delivered")],
  ["that another driver has meanwhile", ({ change }) => change("out_for_delivery", "d9")],
])("what was asked for an order %s is told to nobody", async (_which, meanwhile) => {
  const { at, follow, hold, pass } = openWatch();
  const order = follow(1);
  at.set("d1", 7);
  let answer: () => void = () => undefined;
  hold(new Promise((resolve) => (answer = resolve)));
  await pass();
  meanwhile(order);
  answer();
  await settled();
  expect(order.topic.sighting).toBe(null);
  expect(told(order.follower)).toMatchObject(["order", {}]);
  expect(told(order.follower)).toBe(null);
});

test("a sighting goes with the delivery, and nobody is asked for whom nobody follows", async () => {
  const { asked, at, follow, pass, watch } = openWatch();
  const [one, two] = [follow(1), follow(2)];
  at.set("d1", 7);
  await pass();
  expect(one.topic.sighting).not.toBe(null);
  one.change("delivered");
  expect(one.topic.sighting).toBe(null);
  watch.forget(two.topic);
  await pass(10 * limits.liveDriverMs);
  expect(asked).toHaveLength(1);
});

test("while Redis is away nothing is told, and it is asked again", async () => {
  const { at, follow, pass, setAway, watch } = openWatch();
  const { follower } = follow(1);
  at.set("d1", 7);
  setAway(true);
  await pass();
  expect(told(follower)).toBe(null);
  setAway(false);
  await pass();
  expect(told(follower)).toMatchObject(["driver", {}]);
  watch.close();
});
