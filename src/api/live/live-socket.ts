/**
 * One WebSocket of /live: its client subscribes to orders, products and categories, and is told of each what an event stream tells.
 *
 * Who owns what: the connection owns its followers and its place, and gives them back when it is closed, however that came.
 *
 * I1 No more is handed to the socket than `liveSocketBufferBytes`, and one event: what waits beyond is which topics have something newer,
 *    not what they said. A client that takes nothing for `liveStallMs` while something waits is sent away, with the reason.
 * I2 Messages of a client are answered one after another, and no more is read from it meanwhile.
 * I3 A client that does not answer a ping before the next one is gone.
 */
import type { WebSocket } from "ws";
import type { Clock } from "../../clock.ts";
import type { Metrics } from "../../ops/metrics.ts";
import { normalId } from "../command-ids.ts";
import { problemOf } from "../plugins/error-answers.ts";
import { compileCheck } from "../plugins/validation.ts";
import { Problem } from "../problems.ts";
import { LiveRequest } from "../schemas/live.ts";
import type { LiveTopic } from "../schemas/live.ts";
import type { LiveCategories } from "./categories.ts";
import type { Follower } from "./follower.ts";
import type { LiveLimits } from "./live.ts";
import { readPosition } from "./live-state.ts";
import type { LiveState } from "./live-state.ts";
import type { Place, Subscriber } from "./subscribers.ts";
import type { LiveTopics } from "./topics.ts";

type Socket = Pick<WebSocket, "on" | "send" | "ping" | "pause" | "resume" | "close" | "terminate" | "bufferedAmount">;

/** What is subscribed to. */
type Followed = {
  hasNext(): boolean;
  /** `id` is that of the order or the product. */
  next(): { readonly id: string; readonly state: LiveState } | null;
  leave(): void;
};

export type LiveSocketOptions = {
  readonly socket: Socket;
  readonly place: Place;
  readonly topics: Pick<LiveTopics, "follow">;
  readonly categories: Pick<LiveCategories, "follow">;
  readonly bounds: LiveLimits;
  readonly clock: Pick<Clock, "monotonic" | "after">;
  readonly metrics: Pick<Metrics, "liveEvents" | "liveDropped">;
  /** Told of what no client can have caused. */
  readonly onError: (error: unknown) => void;
};

/** By reason; as RFC 6455 and its registry have them. */
export const closeCodes = { leaving: 1001, slow_reader: 1013, too_many_messages: 1008 } as const;

const asText = { binary: false } as const;
const checkRequest = compileCheck(LiveRequest, "message");

export class LiveSocket implements Subscriber {
  readonly #options: LiveSocketOptions;
  readonly #followers = new Map<string, Followed>();
  /** Topics that have something newer. */
  readonly #awake = new Set<string>();
  readonly #inbox: string[] = [];
  #isAnswering = false;
  /** What it is about to follow. */
  readonly #asked = new Set<string>();
  #whenTaken: (() => void) | undefined;
  #waitsSince: number | null = null;
  #isAlive = true;
  #isEnded = false;
  #cancelCut: (() => void) | undefined;

  constructor(options: LiveSocketOptions) {
    this.#options = options;
    const { socket, place } = options;
    socket.on("message", (data: Buffer, isBinary: boolean) => this.#take(isBinary ? "" : data.toString()));
    socket.on("pong", () => (this.#isAlive = true));
    socket.on("close", () => this.#close());
    place.take(this);
  }

  beat(): void {
    const { socket, clock, bounds } = this.#options;
    if (this.#isEnded) return;
    if (this.#waitsSince !== null) {
      if (clock.monotonic() - this.#waitsSince >= bounds.liveStallMs) this.#end("slow_reader"); // I1
    } else if (this.#isAlive) {
      this.#isAlive = false;
      socket.ping();
    } else {
      this.#options.metrics.liveDropped.labels("silent").inc(); // I3
      socket.terminate();
    }
  }

  leave(): void {
    this.#end("leaving");
  }

  #take(text: string): void {
    this.#isAlive = true;
    this.#inbox.push(text);
    if (this.#inbox.length > this.#options.bounds.liveSocketInboxMax) this.#end("too_many_messages");
    else if (!this.#isAnswering) void this.#answerAll();
  }

  async #answerAll(): Promise<void> {
    this.#isAnswering = true;
    this.#options.socket.pause(); // I2
    for (let text = this.#inbox.shift(); text !== undefined && !this.#isEnded; text = this.#inbox.shift()) {
      await this.#answer(text);
      if (this.#isFull()) await new Promise<void>((resolve) => (this.#whenTaken = resolve));
    }
    this.#isAnswering = false;
    this.#options.socket.resume();
  }

  async #answer(text: string): Promise<void> {
    try {
      const { type, topics } = requestIn(text);
      if (type === "subscribe") await Promise.all(topics.map((topic) => this.#subscribe(topic)));
      else for (const topic of topics) this.#unsubscribe(topic);
    } catch (error) {
      this.#tellProblem(error);
    }
  }

  async #subscribe(topic: LiveTopic): Promise<void> {
    const { kind } = topic;
    const id = idOf(topic);
    const key = keyOf(kind, id);
    try {
      if (!this.#followers.has(key) && !this.#asked.has(key)) {
        if (this.#followers.size + this.#asked.size >= this.#options.bounds.liveFollowedBySocketMax)
          throw new Problem("too_many_subscribers", "This connection follows as much as one may.");
        this.#asked.add(key);
        const follower = await this.#follow(topic, id, key).finally(() => this.#asked.delete(key));
        if (this.#isEnded)
          follower.leave(); // The client has gone.
        else this.#followers.set(key, follower);
      }
      this.#send({ type: "subscribed", kind, id });
      this.#wake(key);
    } catch (error) {
      this.#tellProblem(error, kind, id);
    }
  }

  async #follow(topic: LiveTopic, id: string, key: string): Promise<Followed> {
    const wake = (): void => this.#wake(key);
    if (topic.kind !== "category") {
      const { kind, after } = topic;
      const follower = await this.#options.topics.follow({ kind, id, after: readPosition(after), wake });
      return followedTopic(follower);
    }
    const ended = (problem: Problem): void => {
      this.#followers.delete(key);
      this.#awake.delete(key);
      this.#tellProblem(problem, topic.kind, id);
    };
    return this.#options.categories.follow(id, { wake, ended });
  }

  #unsubscribe(topic: LiveTopic): void {
    const { kind } = topic;
    const id = idOf(topic);
    const key = keyOf(kind, id);
    this.#followers.get(key)?.leave();
    this.#followers.delete(key);
    this.#awake.delete(key);
    this.#send({ type: "unsubscribed", kind, id });
  }

  #tellProblem(error: unknown, kind?: string, id?: string): void {
    const { code, message } = problemOf(error);
    if (code === "internal_error") this.#options.onError(error);
    this.#send({ type: "problem", kind, id, code, detail: message });
  }

  #wake(key: string): void {
    if (this.#isEnded) return;
    if (this.#followers.get(key)?.hasNext() === true) this.#awake.add(key);
    this.#flush();
  }

  #flush(): void {
    const { socket, metrics } = this.#options;
    for (const key of this.#awake) {
      if (this.#isEnded || this.#isFull()) return;
      this.#awake.delete(key);
      const follower = this.#followers.get(key);
      const told = follower?.next() ?? null;
      if (follower === undefined || told === null) continue;
      socket.send(told.state.messageFor(told.id), asText, this.#taken);
      metrics.liveEvents.labels(told.state.name).inc();
      if (follower.hasNext()) this.#awake.add(key); // Behind the others.
    }
  }

  /** Whether it must wait until more is taken (I1). */
  #isFull(): boolean {
    const { socket, bounds, clock } = this.#options;
    const isFull = !this.#isEnded && socket.bufferedAmount >= bounds.liveSocketBufferBytes;
    if (isFull) this.#waitsSince ??= clock.monotonic();
    return isFull;
  }

  /** The system has taken something. */
  readonly #taken = (): void => {
    this.#waitsSince = null;
    if (this.#awake.size > 0) this.#flush();
    if (!this.#isFull()) this.#whenTaken?.();
  };

  #send(message: object): void {
    if (!this.#isEnded) this.#options.socket.send(JSON.stringify(message), asText, this.#taken);
  }

  #end(reason: keyof typeof closeCodes): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#whenTaken?.();
    const { socket, bounds, clock, metrics } = this.#options;
    metrics.liveDropped.labels(reason).inc();
    socket.resume(); // Else the client's own farewell would not be read.
    socket.close(closeCodes[reason], reason);
    this.#cancelCut = clock.after(bounds.liveEndMs, () => socket.terminate());
  }

  #close(): void {
    this.#isEnded = true;
    this.#whenTaken?.();
    this.#cancelCut?.();
    for (const follower of this.#followers.values()) follower.leave();
    this.#followers.clear();
    this.#awake.clear();
    this.#options.place.free();
  }
}

const followedTopic = (follower: Follower): Followed => ({
  hasNext: () => follower.hasNext(),
  next: () => {
    const state = follower.next();
    return state === null ? null : { id: follower.topic.id, state };
  },
  leave: () => follower.leave(),
});

const keyOf = (kind: string, id: string): string => `${kind}:${id}`;
const idOf = ({ kind, id }: LiveTopic): string => (kind === "order" ? normalId(id) : id);

function requestIn(text: string): LiveRequest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Problem("malformed_json", "Send JSON, as text.", { cause });
  }
  const checked = checkRequest(value);
  if ("error" in checked) throw checked.error;
  return value as LiveRequest;
}
