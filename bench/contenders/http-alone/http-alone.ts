// The limit of any contender over HTTP: the same order and answer, and nothing is decided or stored.
import path from "node:path";
import type { Contender } from "../contender.ts";
import { startPeerServer } from "../peer-server.ts";

export const httpAlone: Contender = {
  key: "http",
  title: "HTTP alone",
  onlyWithAll: false,
  start: async (bench) => {
    const stack = new AsyncDisposableStack();
    const script = path.join(import.meta.dirname, "server.ts");
    const { url, pid } = await startPeerServer(bench, stack, { name: "http-alone", script, environment: {} });
    return {
      postUrl: `${url}/orders`,
      batchUrl: null,
      acceptedStatus: 202,
      decidesBeforeAnswer: true,
      takesOrderIds: false,
      pids: { "http-alone": pid },
      addProducts: () => Promise.resolve(),
      untilStored: () => Promise.resolve(),
      stored: async () => {
        const { answered } = (await (await fetch(`${url}/answered`)).json()) as { answered: number };
        return { accepted: answered, rejected: 0 };
      },
      verify: () => Promise.resolve([]),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  },
};
