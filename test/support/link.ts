/**
 * The link of one process to one service: a TCP proxy that can break, slow and silence what goes through it.
 *
 * Who owns what: a link owns its listener and, for each connection, two sockets and two lanes, one for each direction.
 *
 * I1 A stream that goes on is whole: what is held is delivered later, in its order, or its connection is broken. Only whole
 *    messages of Kafka are lost out of a stream that goes on.
 * I2 What is held includes the end of a connection: who is cut off does not hear that the other one has hung up, and what
 *    was sent before that arrives when the lane is open again, from somebody who has long given up.
 */
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { followTalk, splitFrames } from "./kafka-frames.ts";
import type { Broker } from "./kafka-frames.ts";

export type Direction = "requests" | "answers";
/** How what was held goes on: delivered late, or with its connections broken. */
export type Release = "late" | "cut";

export type Link = AsyncDisposable & {
  readonly port: number;
  /** Breaks all connections that are there. */
  cut(): void;
  /** While true, new connections are broken at once. */
  refuse(refused: boolean): void;
  /** So long each piece takes, in each direction; 0 for as fast as can be. */
  slow(delayMs: number): void;
  /** Lets nothing through in one direction. */
  hold(direction: Direction): void;
  /** Ends the hold. */
  release(how: Release): void;
  /**
   * So many of the next answers get lost, and the connection with them, or silently; on a link to Kafka, of the answers to
   * produce requests. Silence is for Kafka alone: elsewhere a part of an answer would be missing (I1).
   */
  loseAnswers(count: number, how: "cut" | "silent"): void;
  /** Answers that are still to be lost. */
  toLose(): number;
};

export type LinkOptions = { readonly to: Broker; readonly speaks?: "kafka" };

export async function openLink({ to, speaks }: LinkOptions): Promise<Link> {
  const connections = new Set<Connection>();
  const held = new Set<Direction>();
  let [refused, delayMs, lost, lostHow] = [false, 0, 0, "cut" as "cut" | "silent"];

  const server = createServer((client) => {
    if (refused) {
      client.destroy();
      return;
    }
    const service = connect(to.port, to.host);
    client.setNoDelay(true);
    service.setNoDelay(true);
    const settings = (direction: Direction) => ({ isHeld: held.has(direction), delayMs });
    const requests = createLane(client, service, () => settings("requests"));
    const answers = createLane(service, client, () => settings("answers"));
    const connection: Connection = {
      wake: () => [requests, answers].forEach((lane) => lane.wake()),
      cut: () => {
        connections.delete(connection);
        client.destroy();
        service.destroy();
      },
    };
    connections.add(connection);
    service.once("close", () => connections.delete(connection));
    /** Whether this answer is one of those that get lost. */
    const isLost = (): boolean => {
      if (lost === 0) return false;
      lost -= 1;
      if (lostHow === "cut") connection.cut();
      return true;
    };
    if (speaks === "kafka") {
      const talk = followTalk(to, () => (server.address() as AddressInfo).port);
      client.on(
        "data",
        splitFrames((frame) => {
          talk.request(frame);
          requests.put(frame);
        }),
      );
      service.on(
        "data",
        splitFrames((frame) => {
          if (!talk.answer(frame).isProduce || !isLost()) answers.put(frame);
        }),
      );
    } else {
      client.on("data", (bytes) => requests.put(bytes));
      service.on("data", (bytes) => isLost() || answers.put(bytes));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const all = (act: (connection: Connection) => void): void => [...connections].forEach(act);

  return {
    port,
    cut: () => all((connection) => connection.cut()),
    refuse: (value) => (refused = value),
    slow: (value) => (delayMs = value),
    hold: (direction) => held.add(direction),
    release: (how) => {
      if (how === "cut" && held.size > 0) all((connection) => connection.cut());
      held.clear();
      all((connection) => connection.wake());
    },
    loseAnswers: (count, how) => {
      lost = count;
      lostHow = how;
    },
    toLose: () => lost,
    [Symbol.asyncDispose]: async () => {
      all((connection) => connection.cut());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Connection = { wake(): void; cut(): void };
type Lane = { put(bytes: Buffer): void; wake(): void };
type Piece = { readonly bytes: Buffer | null; readonly dueAt: number };

const laneBytesHigh = 8 * 1024 * 1024;

/** Carries what is put in, in its order, when it is due and the lane is open; a piece without bytes is the end (I2). */
function createLane(from: Socket, to: Socket, settings: () => { isHeld: boolean; delayMs: number }): Lane {
  const pieces: Piece[] = [];
  let [bytesInside, hasEnded] = [0, false];
  let timer: NodeJS.Timeout | undefined;

  const carry = (): void => {
    clearTimeout(timer);
    timer = undefined;
    while (pieces[0] !== undefined && !settings().isHeld) {
      const { bytes, dueAt } = pieces[0];
      const inMs = dueAt - performance.now();
      if (inMs > 0) {
        timer = setTimeout(carry, inMs);
        return;
      }
      pieces.shift();
      if (bytes === null) to.end();
      else if (!to.destroyed) to.write(bytes);
      bytesInside -= bytes?.length ?? 0;
    }
    if (bytesInside < laneBytesHigh && from.isPaused()) from.resume();
  };
  const put = (bytes: Buffer | null): void => {
    // A piece never overtakes another one, whatever the delay has become since.
    const dueAt = Math.max(performance.now() + settings().delayMs, pieces.at(-1)?.dueAt ?? 0);
    pieces.push({ bytes, dueAt });
    bytesInside += bytes?.length ?? 0;
    if (bytesInside >= laneBytesHigh) from.pause();
    if (timer === undefined) carry();
  };
  const end = (): void => {
    if (!hasEnded) put(null);
    hasEnded = true;
  };
  from.on("error", () => undefined); // A close follows.
  from.on("end", end);
  from.on("close", end);
  return { put, wake: carry };
}
