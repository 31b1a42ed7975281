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

/**
 * Makes the topic and the tables, appends a delivery for each product and then the orders, each for one unit of any product.
 * Resolves to the number of records.
 */
export async function appendBacklog(
  { environment }: Pick<Installation, "environment">,
  { productCount, orderCount, resentPercent }: Backlog,
  signal: AbortSignal,
): Promise<number> {
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
    let records = productCount;
    let again: ReturnType<typeof recordOf>[] = [];
    await appender.append(Array.from({ length: productCount }, (_, n) => recordOf(delivery(n))));
    for (let left = orderCount; left > 0 || again.length > 0; left -= batchRecords) {
      signal.throwIfAborted();
      const anyProduct = () => Math.floor(Math.random() * productCount);
      const fresh = Array.from({ length: Math.max(0, Math.min(batchRecords, left)) }, () =>
        recordOf(order(anyProduct())),
      );
      const batch = [...again, ...fresh];
      again = fresh.filter(() => Math.random() * 100 < resentPercent);
      records += batch.length;
      await appender.append(batch);
    }
    return records;
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
