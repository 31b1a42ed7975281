/** An event stream whose reader is slow: what waits is bounded, what it reads then is the newest, and one that never reads is sent away. */
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { EventStream } from "../../src/api/live/event-stream.ts";
import { Follower, Topic } from "../../src/api/live/follower.ts";
import { createSubscribers } from "../../src/api/live/subscribers.ts";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { stockOf } from "./live-facts.ts";

function openStream() {
  const clock = new FakeClock();
  const metrics = createMetrics({ defaults: false });
  const subscribers = createSubscribers({ bounds: limits, clock, metrics });
  const place = subscribers.place("events");
  if (place === null) throw new Error("there is no place");
  const topic = new Topic("product", "p1");
  let stream: EventStream | undefined = undefined;
  const follower = new Follower(
    topic,
    () => stream?.wake(),
    () => undefined,
  );
  let cuts = 0;
  const response = {
    destroy: () => {
      cuts += 1;
      return reader as never;
    },
  };
  stream = new EventStream({ follower, place, response, bounds: limits, clock, metrics });
  const taken: string[] = [];
  let take: (() => void) | undefined;
  const reader = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _encoding, done) => {
      taken.push(chunk.toString());
      take = done;
    },
  });
  stream.pipe(reader);
  const change = (version: number): void => {
    topic.take(stockOf("p1", { quantity: version * 10, version }));
    topic.wake();
  };
  change(1);
  follower.open(null);
  return {
    ...{ clock, metrics, stream, subscribers, topic, taken, change },
    cuts: () => cuts,
    /** The reader is done with what it has, and with all that comes at once. */
    read: async () => {
      for (let before = -1; before !== taken.length;) {
        before = taken.length;
        take?.();
        await settled();
      }
    },
  };
}

const dropped = async ({ metrics }: Pick<ReturnType<typeof openStream>, "metrics">): Promise<string[]> =>
  (await metrics.liveDropped.get()).values.map(({ labels }) => String(labels.reason));

test("a reader that is slow finds the newest state, and nothing waits for it meanwhile", async () => {
  const world = openStream();
  await settled();
  for (let version = 2; version <= 1_000; version++) {
    world.change(version);
    expect(world.stream.readableLength).toBeLessThan(200);
  }
  await world.read();
  const versions = world.taken.flatMap((text) => [...text.matchAll(/^id: (\d+)\.0$/gm)].map(([, id]) => Number(id)));
  expect(versions.at(-1)).toBe(1_000);
  expect(versions.length).toBeLessThan(5);
  expect(versions).toEqual(versions.toSorted((one, other) => one - other));
});

test("a reader that takes nothing is sent away with the reason, and cut when it does not take that", async () => {
  const world = openStream();
  await settled();
  for (let version = 2; version < 5; version++) world.change(version);
  await world.clock.advance(limits.liveStallMs - limits.liveBeatMs);
  expect(await dropped(world)).toEqual([]);
  await world.clock.advance(2 * limits.liveBeatMs);
  expect(await dropped(world)).toEqual(["slow_reader"]);
  await world.clock.advance(limits.liveEndMs);
  expect(world.cuts()).toBe(1);
  await world.read();
  expect(world.taken.at(-1)).toContain('event: end\ndata: {"reason":"slow_reader"}');
  world.stream.gone();
  await settled();
  expect(world.topic.followers.size).toBe(0);
  expect((await world.metrics.liveSubscribers.get()).values).toMatchObject([{ value: 0 }]);
});

test("a reader that takes what there is stays, however little that is", async () => {
  const world = openStream();
  for (let turn = 2; turn < 20; turn++) {
    await world.read();
    await world.clock.advance(limits.liveStallMs);
    if (turn % 3 === 0) world.change(turn);
  }
  expect(await dropped(world)).toEqual([]);
  expect(world.taken.filter((text) => text.startsWith(":")).length).toBeGreaterThan(10);
  world.subscribers.leave();
  await world.read();
  expect(await dropped(world)).toEqual(["leaving"]);
});
