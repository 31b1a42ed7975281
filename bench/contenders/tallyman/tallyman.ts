// Tallyman in the bench: one api and one processor.
import { Failure } from "../../../local/failure.ts";
import type { Bench } from "../../support/bench.ts";
import { createInstallation } from "../../support/installation.ts";
import { audit, countOrders, orderToDecision, untilProgress } from "../../support/ledger.ts";
import { readAppends } from "../../support/metrics.ts";
import type { Contender, Running } from "../contender.ts";
import { drains } from "./drains.ts";

const createAtOnce = 16;

export const tallyman: Contender = {
  key: "tallyman",
  title: "Tallyman",
  onlyWithAll: false,
  start: (bench) => startTallyman(bench),
  drains,
};

/** `settings` are variables for its processes. */
export async function startTallyman(bench: Bench, settings: Readonly<Record<string, string>> = {}): Promise<Running> {
  const { signal } = bench;
  const installation = await createInstallation(bench, settings);
  try {
    const { database } = installation;
    const [api, processor] = [await installation.start("api"), await installation.start("processor")];
    /** Every command of this topic came through this api, and on a fresh topic each offset is one. */
    const untilStored = async (): Promise<void> => {
      const appended = await readAppends(api.url);
      await untilProgress(database, ({ decided }) => decided >= appended, { pollMs: 5, limitMs: 30_000, signal });
    };
    return {
      postUrl: `${api.url}/orders`,
      batchUrl: `${api.url}/orders/batch`,
      acceptedStatus: 202,
      decidesBeforeAnswer: false,
      takesOrderIds: true,
      waitHeaders: { prefer: "wait=5" },
      pids: { api: api.pid, processor: processor.pid },
      addProducts: async (ids, units) => {
        for (let from = 0; from < ids.length; from += createAtOnce) {
          const some = ids.slice(from, from + createAtOnce);
          await Promise.all(some.map((id) => createProduct(api.url, id, units, signal)));
        }
        await untilStored();
      },
      untilStored,
      stored: () => countOrders(database),
      verify: async () => {
        const { accepted, rejected } = await countOrders(database);
        return audit(database, accepted + rejected);
      },
      orderToDecision: (sinceMs, but) => orderToDecision(database, sinceMs, but),
      [Symbol.asyncDispose]: () => installation[Symbol.asyncDispose](),
    };
  } catch (error) {
    await installation[Symbol.asyncDispose]();
    throw error;
  }
}

async function createProduct(url: string, id: string, initialStock: number, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${url}/products`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id, name: id, category: "bench", priceCents: 250, initialStock }),
    signal,
  });
  const body = await response.text();
  if (response.status !== 201) throw new Failure(`POST /products answers ${response.status}: ${body}`);
}
