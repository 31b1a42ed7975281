import { once } from "node:events";
import { createServer, connect } from "node:net";
import type { AddressInfo } from "node:net";

/** "Ready for query", the server's last word on a statement; it ends with the transaction's state. */
const readyHead = Buffer.from("5a00000005", "hex");
const outsideTransaction = "I".charCodeAt(0);

/**
 * A proxy before PostgreSQL that can lose an answer: after `cutNext()` the next transaction runs to its end in the server,
 * and the client finds its connection gone instead of what the server said last.
 */
export async function createAnswerCutter(databaseUrl: string) {
  const target = new URL(databaseUrl);
  let cutting = false;
  let cuts = 0;
  const proxy = createServer((client) => {
    const server = connect(Number(target.port || 5432), target.hostname);
    let held: Buffer = Buffer.alloc(0);
    client.pipe(server);
    server.on("data", (data: Buffer) => {
      if (!cutting) {
        client.write(data);
        return;
      }
      held = Buffer.concat([held, data]);
      if (!held.subarray(-6, -1).equals(readyHead)) return;
      if (held.at(-1) === outsideTransaction) {
        cutting = false;
        cuts += 1;
        client.destroy();
        server.destroy();
      } else {
        client.write(held);
        held = Buffer.alloc(0);
      }
    });
    server.on("end", () => client.end());
    for (const socket of [client, server]) socket.on("error", () => [client, server].forEach((each) => each.destroy()));
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String((proxy.address() as AddressInfo).port);
  return {
    url: url.href,
    cutNext: () => (cutting = true),
    cuts: () => cuts,
    [Symbol.asyncDispose]: async () => {
      proxy.close();
      await once(proxy, "close");
    },
  };
}
