/** The proxy of the chaos runs, before an echo. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { splitFrames } from "../support/kafka-frames.ts";
import { openLink } from "../support/link.ts";
import type { Link } from "../support/link.ts";

let server: Server;
let link: Link;
/** What the service has heard in this test, and how many connections have ended. */
let service: { heard: string; ends: number };
const sockets = new Set<Socket>();

beforeEach(async () => {
  const own = (service = { heard: "", ends: 0 });
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => (own.ends += 1));
    socket.on("data", (bytes) => {
      own.heard += bytes.toString();
      socket.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  link = await openLink({ to: { host: "127.0.0.1", port: (server.address() as AddressInfo).port } });
});
afterEach(async () => {
  await link[Symbol.asyncDispose]();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await new Promise((resolve) => server.close(resolve));
});

async function open(): Promise<{ socket: Socket; text: () => string; isClosed: () => boolean }> {
  const socket = connect(link.port, "127.0.0.1");
  let [text, isClosed] = ["", false];
  socket.on("data", (bytes) => (text += bytes.toString()));
  socket.on("error", () => undefined);
  socket.on("close", () => (isClosed = true));
  await once(socket, "connect");
  return { socket, text: () => text, isClosed: () => isClosed };
}

/** Long enough for what goes through to have come. */
const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));

describe("a link", () => {
  test("carries both ways, and the end", async () => {
    const { socket, text, isClosed } = await open();
    socket.write("one");
    await expect.poll(text).toBe("one");
    socket.end();
    await expect.poll(isClosed).toBe(true);
    await expect.poll(() => service.ends).toBe(1);
  });

  test("that is cut breaks its connections, and takes new ones unless it refuses them", async () => {
    const first = await open();
    link.cut();
    await expect.poll(first.isClosed).toBe(true);
    const second = await open();
    second.socket.write("two");
    await expect.poll(second.text).toBe("two");
    link.refuse(true);
    const third = await open();
    await expect.poll(third.isClosed).toBe(true);
    expect(second.isClosed()).toBe(false);
  });

  test("holds requests, with their end, and delivers them late to a service that has heard nothing", async () => {
    const { socket } = await open();
    socket.write("before ");
    await expect.poll(() => service.heard).toBe("before ");
    link.hold("requests");
    socket.write("held ");
    socket.end("and given up");
    await moment();
    expect([service.heard, service.ends]).toEqual(["before ", 0]);
    link.release("late");
    await expect.poll(() => service.heard).toBe("before held and given up");
    await expect.poll(() => service.ends).toBe(1);
  });

  test("holds answers while requests go through; what was held is gone when it is cut", async () => {
    const { socket, text, isClosed } = await open();
    link.hold("answers");
    socket.write("lost");
    await expect.poll(() => service.heard).toBe("lost");
    await moment();
    expect([text(), isClosed()]).toEqual(["", false]);
    link.release("cut");
    await expect.poll(isClosed).toBe(true);
    expect(text()).toBe("");
  });

  test("slows each piece, and keeps their order when it is quick again", async () => {
    const { socket, text } = await open();
    link.slow(200);
    const startedAt = performance.now();
    socket.write("slow ");
    await moment();
    link.slow(0);
    socket.write("quick");
    await expect.poll(text).toBe("slow quick");
    expect(performance.now() - startedAt).toBeGreaterThan(190);
  });

  test("loses so many answers, each with its connection", async () => {
    link.loseAnswers(2, "cut");
    for (const each of ["a", "b"]) {
      const { socket, text, isClosed } = await open();
      socket.write(each);
      await expect.poll(isClosed).toBe(true);
      expect(text()).toBe("");
    }
    expect([service.heard, link.toLose()]).toEqual(["ab", 0]);
    const { socket, text } = await open();
    socket.write("c");
    await expect.poll(text).toBe("c");
  });
});

describe("a link to Kafka", () => {
  /** A message of Kafka's protocol: a size, and then the key of the request, its version and its number, or the number alone. */
  const frame = (...parts: readonly Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const size = Buffer.alloc(4);
    size.writeInt32BE(body.length);
    return Buffer.concat([size, body]);
  };
  const int32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  const request = (key: number, number: number): Buffer => frame(Buffer.from([0, key, 0, 0]), int32(number));

  test("puts its own port for the broker's where brokers are named, and loses answers to produce requests alone", async () => {
    const broker = createServer((socket) => {
      const { port } = broker.address() as AddressInfo;
      socket.on("error", () => undefined);
      const answer = splitFrames((bytes) => {
        socket.write(frame(bytes.subarray(8, 12), Buffer.from("127.0.0.1"), int32(port)));
      });
      socket.on("data", answer);
    });
    broker.listen(0, "127.0.0.1");
    await once(broker, "listening");
    const { port } = broker.address() as AddressInfo;
    await using kafka = await openLink({ to: { host: "127.0.0.1", port }, speaks: "kafka" });
    const socket = connect(kafka.port, "127.0.0.1");
    const answers: { number: number; port: number }[] = [];
    const read = splitFrames((bytes) => answers.push({ number: bytes.readInt32BE(4), port: bytes.readInt32BE(17) }));
    socket.on("data", read);
    kafka.loseAnswers(1, "silent");
    // Metadata, fetch and two produce requests, in pieces that are no messages.
    const all = Buffer.concat([request(3, 1), request(1, 2), request(0, 3), request(0, 4)]);
    for (let from = 0; from < all.length; from += 5) {
      socket.write(all.subarray(from, from + 5));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await expect
      .poll(() => answers)
      .toEqual([
        { number: 1, port: kafka.port },
        { number: 2, port },
        { number: 4, port },
      ]);
    socket.destroy();
    broker.close();
  });
});
