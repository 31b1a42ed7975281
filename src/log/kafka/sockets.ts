/**
 * Connections that can be cut for good. A kafkajs client that was given up goes on by itself: a retry in flight connects
 * anew, even after `disconnect`, sends the old records once more and leaves that connection open. A client whose sockets
 * are cut can neither send nor connect any more.
 */
import { connect as connectTcp, isIP, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ISocketFactory } from "kafkajs";

export type Sockets = {
  readonly factory: ISocketFactory;
  /** Breaks every connection and refuses new ones. */
  cut(): void;
  isCut(): boolean;
};

const keepAliveMs = 60_000;
const cutError = (): Error => new Error("this Kafka client was discarded");

export type SocketAddress = { readonly host: string; readonly port: number };

/** With `pinnedTo` every connection leads there, whichever broker kafkajs means: so that one broker alone is asked. */
export const createSockets = (pinnedTo?: SocketAddress): Sockets => {
  const open = new Set<Socket>();
  let cut = false;

  const factory: ISocketFactory = ({ host: wantedHost, port: wantedPort, ssl, onConnect }) => {
    const { host, port } = pinnedTo ?? { host: wantedHost, port: wantedPort };
    if (cut) {
      const refused = new Socket();
      // Not before kafkajs has put its listeners on the socket, which it does right after this returns.
      process.nextTick(() => refused.destroy(cutError()));
      return refused;
    }
    // kafkajs passes no `ssl` for plain connections, whatever its types say.
    const options = ssl as typeof ssl | null | undefined;
    const socket =
      options === undefined || options === null
        ? connectTcp({ host, port, noDelay: true }, onConnect)
        : connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...options }, onConnect);
    socket.setKeepAlive(true, keepAliveMs);
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    return socket;
  };

  return {
    factory,
    cut: () => {
      cut = true;
      for (const socket of open) socket.destroy(cutError());
    },
    isCut: () => cut,
  };
};
