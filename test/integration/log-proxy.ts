/**
 * A TCP proxy before a Kafka broker that loses what it is told to lose. In the broker's answers it puts its own port for
 * the broker's, so that clients come back to it.
 */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { withAdmin } from "./log-helpers.ts";

const produceApiKey = 0;
const sizeBytes = 4;

/** Calls back with each whole message of Kafka's protocol: a size of four bytes and what follows. */
const eachFrame = (socket: Socket, frame: (bytes: Buffer) => void): void => {
  let rest = Buffer.alloc(0);
  socket.on("data", (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= sizeBytes && rest.length >= sizeBytes + rest.readInt32BE(0)) {
      const end = sizeBytes + rest.readInt32BE(0);
      frame(Buffer.from(rest.subarray(0, end)));
      rest = rest.subarray(end);
    }
  });
};

export type KafkaProxy = {
  /** host:port to give to a client. */
  readonly address: string;
  /** So many of the next answers to produce requests get lost, and the connection with them. */
  loseProduceAnswers: number;
  /** While true, produce requests get lost on their way to the broker, silently. */
  loseProduceRequests: boolean;
  /** Breaks all connections; while true, new ones are refused. */
  setDown(down: boolean): void;
  close(): Promise<void>;
};

export const startKafkaProxy = async (): Promise<KafkaProxy> => {
  const cluster = await withAdmin((admin) => admin.describeCluster());
  const broker = cluster.brokers[0];
  if (broker === undefined) throw new Error("no broker");
  const sockets = new Set<Socket>();
  let down = false;

  const addressBytes = (port: number): Buffer => {
    const bytes = Buffer.alloc(broker.host.length + 4);
    bytes.write(broker.host);
    bytes.writeInt32BE(port, broker.host.length);
    return bytes;
  };

  const server = createServer((client) => {
    if (down) {
      client.destroy();
      return;
    }
    const upstream = connect(broker.port, broker.host);
    const [brokersAddress, ourAddress] = [addressBytes(broker.port), addressBytes(port)];
    const producing = new Set<number>();
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    eachFrame(client, (request) => {
      const isProduce = request.readInt16BE(sizeBytes) === produceApiKey;
      if (isProduce && proxy.loseProduceRequests) return;
      if (isProduce) producing.add(request.readInt32BE(sizeBytes + 4));
      upstream.write(request);
    });
    eachFrame(upstream, (answer) => {
      if (producing.delete(answer.readInt32BE(sizeBytes)) && proxy.loseProduceAnswers > 0) {
        proxy.loseProduceAnswers--;
        client.destroy();
        return;
      }
      for (let at = answer.indexOf(brokersAddress); at !== -1; at = answer.indexOf(brokersAddress, at + 1)) {
        ourAddress.copy(answer, at);
      }
      client.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  const proxy: KafkaProxy = {
    address: `127.0.0.1:${port}`,
    loseProduceAnswers: 0,
    loseProduceRequests: false,
    setDown: (value) => {
      down = value;
      if (down) for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
};
