// A backlog on the log, written as the api writes: the same codec, appender and partitioning.
import { pino } from "pino";
import { newCommandId } from "../../src/api/command-ids.ts";
import { readConfig } from "../../src/config.ts";
import { createKafkaAppender } from "../../src/log/kafka/appender.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import type { Command } from "../../src/schemas/commands.ts";
import { createPool } from "../../src/stores/postgres/pool.ts";
import { prepare } from "../../src/set-up.ts";
import type { Installation } from "./installation.ts";

const batchRecords = 5_000;
/** Per product: what one delivery may bring. */
const delivered = 1_000_000;

export type Backlog = {
  readonly productCount: number;
  readonly orderCount: number;
  /** Of 100 orders, how many lie on the log twice, the second a batch behind the first. */
  readonly resentPercent: number;
};

/** `appendMs` is the time in which the log took them, without that in which they were made and encoded. */
export type Appended = { readonly records: number; readonly appendMs: number };

/** Makes the topic and the tables, appends a delivery for each product and then the orders, each for one unit of any product. */
export async function appendBacklog(
  { environment }: Pick<Installation, "environment">,
  { productCount, orderCount, resentPercent }: Backlog,
  signal: AbortSignal,
): Promise<Appended> {
  const config = readConfig({ ...environment, INSTANCE_ID: "bench" });
  const logger = pino({ level: config.logLevel });
  const pool = createPool({
    url: config.databaseUrl,
    name: "bench",
    connectionsMax: 1,
    onIdleError: (err) => logger.warn({ err }, "a database connection broke"),
  });
  const { codec, connection, map } = await prepare(config, logger, pool);
  const appender = createKafkaAppender({ connection, topic: config.ordersTopic, logger });
  const recordOf = (command: Command) => ({
    partition: partitionOf(command.productId, map.partitionCount),
    key: command.productId,
    value: codec.encode(command),
  });
  try {
    let [records, appendMs] = [0, 0];
    const append = async (batch: readonly ReturnType<typeof recordOf>[]): Promise<void> => {
      signal.throwIfAborted();
      const from = performance.now();
      await appender.append(batch);
      appendMs += performance.now() - from;
      records += batch.length;
    };
    for (let at = 0; at < productCount; at += batchRecords) {
      const size = Math.min(batchRecords, productCount - at);
      await append(Array.from({ length: size }, (_, n) => recordOf(delivery(at + n))));
    }
    let again: ReturnType<typeof recordOf>[] = [];
    for (let left = orderCount; left > 0 || again.length > 0; left -= batchRecords) {
      const anyProduct = () => Math.floor(Math.random() * productCount);
      const fresh = Array.from({ length: Math.max(0, Math.min(batchRecords, left)) }, () =>
        recordOf(order(anyProduct())),
      );
      const batch = [...again, ...fresh];
      again = fresh.filter(() => Math.random() * 100 < resentPercent);
      await append(batch);
    }
    return { records, appendMs };
  } finally {
    await Promise.all([appender.close(), pool.end()]);
  }
}

const base = (product: number) => ({
  commandId: newCommandId(),
  productId: `product-${product}`,
  issuedAt: Date.now(),
});

const delivery = (product: number): Command => ({
  ...base(product),
  type: "ReceiveStock",
  quantity: delivered,
  reference: null,
});

const order = (product: number): Command => ({
  ...base(product),
  type: "PlaceOrder",
  quantity: 1,
  unitPriceCents: 250,
  currency: "EUR",
  customerId: null,
  basketId: null,
  deliveryLocation: null,
});
