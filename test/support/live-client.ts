/** A client of /live that keeps what it was told until it is asked for. */
import { once } from "node:events";

export type LiveMessage = Readonly<Record<string, unknown>>;

export type LiveClient = {
  send(message: unknown): void;
  /** The next message; null: the connection is closed. */
  next(): Promise<LiveMessage | null>;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  close(): void;
};

export async function openLive(url: string): Promise<LiveClient> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/live`);
  const told: (LiveMessage | null)[] = [];
  let wake: () => void = () => undefined;
  const take = (message: LiveMessage | null): void => {
    told.push(message);
    wake();
  };
  socket.addEventListener("message", ({ data }) => take(JSON.parse(String(data)) as LiveMessage));
  const closed = once(socket, "close").then(([event]) => {
    take(null);
    const { code, reason } = event as CloseEvent;
    return { code, reason };
  });
  await once(socket, "open");
  return {
    send: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    next: async () => {
      while (told.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return told.shift() ?? null;
    },
    closed,
    close: () => socket.close(),
  };
}
