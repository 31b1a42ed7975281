// An api, a processor and the load generator: orders are sent to it, and each measurement lasts until the last one is decided.
import { Failure } from "../../local/failure.ts";
import type { Bench } from "./bench.ts";
import { type Cpu, pidsOf, readCpu, spent } from "./cpu.ts";
import { type LoadResult, startGenerator } from "./generator.ts";
import { createInstallation } from "./installation.ts";
import { readAppends } from "./metrics.ts";
import { type Percentiles, audit, countOrders, orderToDecision, untilProgress } from "./ledger.ts";

export type Case = {
  readonly title: string;
  readonly connections: number;
  /** One that nobody else orders, or all of the uniform ones. */
  readonly products: "uniform" | "hot";
  readonly waits: boolean;
  /** Of 100 orders, how many are sent twice. */
  readonly resentPercent?: number;
};

export type Measurement = {
  /** Orders, each counted once however often it was sent, decided and stored, over the time from the first order sent until PostgreSQL has the last one's row. */
  readonly ordersPerSecond: number;
  readonly orders: number;
  readonly http: LoadResult;
  readonly orderToDecision: Percentiles;
  readonly cpu: Cpu | undefined;
  /** What must not be, a sentence each. */
  readonly problems: readonly string[];
};

export type Shop = AsyncDisposable & {
  measure(wanted: Case, warmUpSeconds: number, seconds: number): Promise<Measurement>;
  /** What is wrong with the books after all that was ordered. */
  audit(): Promise<string[]>;
};

/** What one command may deliver; more than a measurement sells. */
const initialStock = 1_000_000;
const createAtOnce = 16;

export async function openShop(bench: Bench, productCount: number): Promise<Shop> {
  const { signal } = bench;
  const stack = new AsyncDisposableStack();
  try {
    const installation = stack.use(await createInstallation(bench));
    const { database } = installation;
    const [api, processor] = [await installation.start("api"), await installation.start("processor")];
    const generator = stack.use(await startGenerator(bench));
    const ours = { api: api.pid, processor: processor.pid, "load generator": generator.pid };
    const pids = pidsOf({ ...ours, ...bench.services.pids });
    /** Commands that the log has acknowledged, by what the api answered. */
    let acknowledged = 0;
    let orders = 0;

    const untilDecided = () =>
      untilProgress(database, ({ decided }) => decided >= acknowledged, { pollMs: 5, limitMs: 30_000, signal });
    const createProducts = async (ids: readonly string[]): Promise<void> => {
      for (let from = 0; from < ids.length; from += createAtOnce) {
        await Promise.all(ids.slice(from, from + createAtOnce).map((id) => createProduct(api.url, id, signal)));
      }
      acknowledged += ids.length;
      await untilDecided();
    };
    const uniform = Array.from({ length: productCount }, (_, n) => `uniform-${n}`);
    await bench.progress.step(`${productCount} products`, () => createProducts(uniform));

    let hotProducts = 0;
    const measure: Shop["measure"] = async (wanted, warmUpSeconds, seconds) => {
      const { connections, products, waits, resentPercent } = wanted;
      const productIds = products === "uniform" ? uniform : [`hot-${hotProducts++}`];
      if (products === "hot") await createProducts(productIds);
      const headers = waits ? { prefer: "wait=5" } : {};
      const load = (forSeconds: number, started?: () => void) =>
        generator.run(
          {
            url: api.url,
            connections,
            seconds: forSeconds,
            productIds,
            headers,
            ...(resentPercent === undefined ? {} : { resentPercent }),
          },
          started,
        );
      const count = async ({ statuses, resent }: LoadResult): Promise<number> => {
        const answered = acknowledgedIn(statuses);
        // A repeat may be answered by what is known of the order, without the log.
        acknowledged = resentPercent === undefined ? acknowledged + answered : await readAppends(api.url);
        orders += answered - resent;
        return answered - resent;
      };
      const warmUp = await load(warmUpSeconds);
      await count(warmUp);
      await untilDecided();

      let cpu: Cpu | undefined;
      const http = await load(seconds, () => (cpu = readCpu(pids)));
      const stored = await count(http);
      await untilDecided();
      const took = Date.now() - http.startedAt;
      cpu = spent(cpu, readCpu(pids));
      const { accepted, rejected } = await countOrders(database, http.startedAt);
      const problems = [...unexpected(warmUp, wanted), ...unexpected(http, wanted)];
      if (accepted + rejected !== stored) problems.push(`${stored} acknowledged, ${accepted + rejected} decided.`);
      const latency = await orderToDecision(database, http.startedAt);
      return { ordersPerSecond: (stored / took) * 1000, orders: stored, http, orderToDecision: latency, cpu, problems };
    };
    return { measure, audit: () => audit(database, orders), [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function createProduct(url: string, id: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${url}/products`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id, name: id, category: "bench", priceCents: 250, initialStock }),
    signal,
  });
  const body = await response.text();
  if (response.status !== 201) throw new Failure(`POST /products answers ${response.status}: ${body}`);
}

/** 200: known already. 201, 202: on the log. 409: too, and refused for want of stock by the time that the caller had waited. */
function acknowledgedIn(statuses: LoadResult["statuses"]): number {
  return ["200", "201", "202", "409"].reduce((sum, status) => sum + (statuses[status] ?? 0), 0);
}

function unexpected({ statuses, errors, resent }: LoadResult, { waits }: Case): string[] {
  const wanted = waits ? "201" : "202";
  const isRight = (status: string, times: number): boolean =>
    status === wanted || (status === "200" && times <= resent);
  const other = Object.entries(statuses).filter(([status, times]) => !isRight(status, times));
  const problems = other.map(([status, times]) => `${times} answers were ${status} instead of ${wanted}.`);
  return errors === 0 ? problems : [...problems, `${errors} requests got no answer.`];
}
