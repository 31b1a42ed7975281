// The shop that Tallyman replaces, as its author describes it: web processes that take orders, Kafka with the quantities they worked out, and
// a consumer that writes these. Here it is started, asked when it is at rest, and read.
import path from "node:path";
import getPort from "get-port";
import { toEnvironment } from "../../local/addresses.ts";
import { Failure } from "../../local/failure.ts";
import { type Service, untilReady } from "../../local/supervise.ts";
import { type Contender, postProduct, readCached } from "../race/contender.ts";
import { orderIdsOf } from "../race/load.ts";
import type { Bench } from "../support/bench.ts";
import { checkReady } from "../contenders/peer-server.ts";
import { createInstallation } from "../support/installation.ts";
import { startOwnProcess } from "../support/own-process.ts";
import { createTopicReader } from "./topic-reader.ts";
import { quantityKey, toVariables } from "./settings.ts";
import { createTables } from "./tables.ts";

const readyLimitMs = 60_000;

export type SeedShop = Contender & {
  readonly pids: Readonly<Record<string, number>>;
  /** Rows of orders. */
  countOrders(): Promise<number>;
};

/** Starts it with a database, a topic and a Redis database of its own. */
export async function openSeedShop(bench: Bench, workers: number): Promise<SeedShop> {
  const { profile, services, signal } = bench;
  const stack = new AsyncDisposableStack();
  try {
    const { addresses, database, name } = stack.use(await createInstallation(bench));
    await database.query(createTables);
    const messages = stack.use(await createTopicReader(addresses.kafkaBrokers, name, signal));

    const port = await getPort({ host: "127.0.0.1" });
    const environment = { ...toEnvironment(addresses), ...toVariables({ topic: name, group: name, port, workers }) };
    const start = (script: string, rank: number): Service =>
      startOwnProcess(bench, stack, {
        name: `seed-shop-${script}`,
        run: { script: path.join(import.meta.dirname, `${script}.ts`) },
        cwd: import.meta.dirname,
        environment,
        rank,
      });
    const consumer = start("consumer", 1);
    const web = start("web", 0);
    const url = `http://127.0.0.1:${port}`;
    await bench.progress.step(`Shop that sends quantities, ${workers} workers, on ${url}`, () =>
      untilReady(web, () => checkReady(url), readyLimitMs, { profile, custody: services.custody, signal }),
    );

    let announced = 0;
    return {
      url,
      pids: { web: web.pid, consumer: consumer.pid },
      countOrders: async () => {
        const { rows } = await database.query<{ count: number }>("select count(*)::int4 as count from orders");
        return rows[0]?.count ?? 0;
      },
      headers: {},
      addProduct: (id, units) => postProduct(url, { id, name: id, quantity: units }, signal),
      // It answers when the order's row is there.
      untilDecided: (answers) => {
        announced += orderIdsOf(answers, 201).length;
        return Promise.resolve();
      },
      // Each accepted order is one message.
      untilAtRest: () => messages.untilConsumed(announced),
      readBooks: async (productId, answers) => {
        const { rows } = await database.query<{ sold: number; left: number }>(
          `select (select coalesce(sum(quantity), 0) from orders where product_id = $1)::float8 as sold,
                  (select quantity from products where id = $1)::float8 as left`,
          [productId],
        );
        if (rows[0] === undefined) throw new Failure(`The shop's tables don't know ${productId}.`);
        return {
          ...rows[0],
          cached: await readCached(addresses.redisUrl, quantityKey(productId)),
          accepted: orderIdsOf(answers, 201).length,
          refused: answers.filter(({ status }) => status === 409).length,
          problems: [],
        };
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
