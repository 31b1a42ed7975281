/** A WebSocket whose client is slow, silent, or says too much. */
import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import type { WebSocket } from "ws";
import { Follower, Topic } from "../../src/api/live/follower.ts";
import { LiveSocket } from "../../src/api/live/live-socket.ts";
import { createSubscribers } from "../../src/api/live/subscribers.ts";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { stockOf } from "./live-facts.ts";

/** Keeps what it is handed until the test takes it. */
class FakeSocket extends EventEmitter {
  bufferedAmount = 0;
  bufferedMax = 0;
  readonly told: Record<string, unknown>[] = [];
  closedWith: [code: number, reason: string] | undefined;
  isPaused = false;
  terminated = 0;
  pings = 0;
  #untaken: (() => void)[] = [];

  send(data: string | Buffer, { binary }: { readonly binary: boolean }, taken: () => void): void {
    expect(binary).toBe(false);
    this.bufferedAmount += data.length;
    this.bufferedMax = Math.max(this.bufferedMax, this.bufferedAmount);
    this.told.push(JSON.parse(data.toString()) as Record<string, unknown>);
    this.#untaken.push(() => {
      this.bufferedAmount -= data.length;
      taken();
    });
  }
  async take(): Promise<void> {
    while (this.#untaken.length > 0) {
      this.#untaken.shift()?.();
      await settled();
    }
  }
  ping(): void {
    this.pings += 1;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  close(code: number, reason: string): void {
    this.closedWith = [code, reason];
  }
  terminate(): void {
    this.terminated += 1;
    this.emit("close");
  }
  say(message: unknown): void {
    this.emit("message", Buffer.from(JSON.stringify(message)), false);
  }
}

function openSocket() {
  const clock = new FakeClock();
  const metrics = createMetrics({ defaults: false });
  const subscribers = createSubscribers({ bounds: limits, clock, metrics });
  const place = subscribers.place("websocket");
  if (place === null) throw new Error("there is no place");
  const socket = new FakeSocket();
  const all = new Map<string, Topic>();
  let left = 0;
  new LiveSocket({
    socket: socket as unknown as WebSocket,
    ...{ place, clock, metrics, bounds: limits },
    topics: {
      follow: ({ kind, id, wake }) => {
        const topic = all.get(id) ?? new Topic(kind, id);
        all.set(id, topic);
        topic.take(stockOf(id, { quantity: 1, version: 1 }));
        const follower = new Follower(topic, wake, () => (left += 1));
        follower.open(null);
        return Promise.resolve(follower);
      },
    },
    categories: { follow: () => Promise.reject(new Error("nobody follows a category")) },
    onError: (error) => {
      throw error;
    },
  });
  const change = (version: number): void => {
    for (const [id, topic] of all) if (topic.take(stockOf(id, { quantity: version, version }))) topic.wake();
  };
  return { clock, metrics, socket, change, left: () => left };
}

const ids = Array.from({ length: 100 }, (_, number) => `p${number}`);
const all = { type: "subscribe", topics: ids.map((id) => ({ kind: "product", id })) };
const dropped = async ({ metrics }: Pick<ReturnType<typeof openSocket>, "metrics">): Promise<string[]> =>
  (await metrics.liveDropped.get()).values.map(({ labels }) => String(labels.reason));

test("a client that is slow finds the newest of each, and what waits for it is bounded", async () => {
  const world = openSocket();
  world.socket.say(all);
  await settled();
  for (let version = 2; version <= 500; version++) world.change(version);
  await world.socket.take();
  const most = Math.max(...world.socket.told.map((message) => JSON.stringify(message).length));
  expect(world.socket.bufferedMax).toBeLessThan(limits.liveSocketBufferBytes + most * (ids.length + 1));
  const last = new Map(world.socket.told.map((message) => [message.id, message.position]));
  expect(ids.map((id) => last.get(id))).toEqual(ids.map(() => "500.0"));
  const told = new Map<unknown, number>();
  for (const { type, id, position } of world.socket.told) {
    if (type !== "event") continue;
    expect(Number(position)).toBeGreaterThan(told.get(id) ?? 0);
    told.set(id, Number(position));
  }
  expect(world.socket.told.length).toBeLessThan(2_000);
});

test("a client that takes nothing is sent away with the reason, and cut", async () => {
  const world = openSocket();
  world.socket.say(all);
  await settled();
  for (let version = 2; version <= 500; version++) world.change(version);
  for (let beat = 0; beat < 4; beat++) {
    await world.clock.advance(limits.liveBeatMs);
    world.socket.emit("pong");
  }
  expect(world.socket.closedWith).toEqual([1013, "slow_reader"]);
  expect(await dropped(world)).toEqual(["slow_reader"]);
  await world.clock.advance(limits.liveEndMs);
  expect(world.socket.terminated).toBe(1);
  expect(world.left()).toBe(ids.length);
  expect((await world.metrics.liveSubscribers.get()).values).toMatchObject([{ value: 0 }]);
});

test("a client that asks without reading is not read either", async () => {
  const world = openSocket();
  for (let count = 0; count < 100; count++) {
    if (!world.socket.isPaused) world.socket.say({ ...all, type: "unsubscribe" });
    await settled();
  }
  expect(world.socket.isPaused).toBe(true);
  expect(world.socket.bufferedMax).toBeLessThan(2 * limits.liveSocketBufferBytes);
  await world.socket.take();
  expect(world.socket.isPaused).toBe(false);
});

test("a client that says too much at once, or nothing any more, is sent away", async () => {
  const hasty = openSocket();
  for (let count = 0; count < limits.liveSocketInboxMax + 2; count++) hasty.socket.say(all);
  await settled();
  expect(hasty.socket.closedWith).toEqual([1008, "too_many_messages"]);
  const silent = openSocket();
  await silent.clock.advance(limits.liveBeatMs);
  silent.socket.emit("pong");
  await silent.clock.advance(limits.liveBeatMs);
  expect([silent.socket.pings, silent.socket.terminated]).toEqual([2, 0]);
  await silent.clock.advance(limits.liveBeatMs);
  expect(silent.socket.terminated).toBe(1);
  expect(await dropped(silent)).toEqual(["silent"]);
});
