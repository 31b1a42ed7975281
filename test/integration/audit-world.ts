/**
 * A Tallyman with a history that has everything in it: orders, cancels before and after them, refused ones, deliveries,
 * stocktakes, repeats, records that can't be read, markers of transactions, a product that a producer strews over partitions.
 */
import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { cancelId } from "../../src/api/command-ids.ts";
import { readConfig } from "../../src/config.ts";
import type { Config } from "../../src/config.ts";
import { createKafkaAppender } from "../../src/log/kafka/appender.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { createCommandCodec } from "../../src/schemas/codec.ts";
import type { Command } from "../../src/schemas/commands.ts";
import { createRegistrySource } from "../../src/schemas/registry.ts";
import { cancelOrder, countStock, placeOrder, receiveStock, resumeProduct } from "../support/commands.ts";
import { onServer } from "../support/databases.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman, TallymanOptions } from "../support/tallyman.ts";
import { connection, plainKafka, sleep } from "./log-helpers.ts";

const partitionCount = 12;
const log = pino({ level: "silent" });

export type AuditWorld = {
  readonly tallyman: Tallyman;
  readonly api: Role;
  readonly processor: Role;
  readonly config: Config;
  /** Appends commands as a producer of its own does, to their partitions or to the ones given. */
  readonly append: (commands: readonly (Command | { command: Command; partition: number })[]) => Promise<void>;
  readonly post: (path: string, body: unknown, method?: string) => Promise<Response>;
  /** Rows of the last statement, each an object. */
  readonly sql: (text: string) => Promise<object[]>;
  /** Resolves when all that is on the log is decided and saved as told. */
  untilAtRest(): Promise<void>;
  close(): Promise<void>;
};

export async function createAuditWorld(options: TallymanOptions = {}): Promise<AuditWorld> {
  const tallyman = await createTallyman(options);
  const [api, processor] = await Promise.all([tallyman.startApi(), tallyman.startProcessor()]);
  const codec = await createCommandCodec(createRegistrySource({ url: process.env.SCHEMA_REGISTRY_URL ?? "" }));
  const appender = createKafkaAppender({ connection, topic: tallyman.topic, logger: log });
  const config = readConfig({
    ...process.env,
    DATABASE_URL: tallyman.databaseUrl,
    REDIS_URL: tallyman.redisUrl,
    ORDERS_TOPIC: tallyman.topic,
  });
  const sql = (text: string) =>
    onServer(tallyman.databaseUrl, async (client) => (await client.query<object>(text)).rows);
  return {
    tallyman,
    api,
    processor,
    config,
    append: async (commands) => {
      const records = commands.map((each) => {
        const command = "command" in each ? each.command : each;
        const partition = "command" in each ? each.partition : partitionOf(command.productId, partitionCount);
        return { partition, key: command.productId, value: codec.encode(command) };
      });
      await appender.append(records);
    },
    post: (path, body, method = "POST") =>
      fetch(`${api.url}${path}`, {
        method,
        headers: { "content-type": "application/json", prefer: "wait=10" },
        body: JSON.stringify(body),
      }),
    sql,
    untilAtRest: async () => {
      const deadline = performance.now() + 60_000;
      for (;;) {
        const { code, stdout } = await tallyman.run("audit", "--at-rest", "--limit", "5");
        if (code === 0 || !stdout.includes("A18")) return;
        if (performance.now() > deadline) throw new Error(`not at rest after a minute:\n${stdout}`);
      }
    },
    close: async () => {
      await appender.close();
      await tallyman[Symbol.asyncDispose]();
    },
  };
}

/** Everything once. Products: `chair` by HTTP, `strewn` over partitions, `lamp` and `absent` on the log. */
export async function makeHistory(world: AuditWorld): Promise<void> {
  const { append, post, sql, tallyman } = world;
  const made = await post("/products", { id: "chair", name: "Chair", category: "c", priceCents: 1, initialStock: 20 });
  if (made.status !== 201) throw new Error(`${made.status} ${await made.text()}`);
  const ids = Array.from({ length: 12 }, () => randomUUID());
  for (const orderId of ids) await post("/orders", { orderId, productId: "chair", quantity: 2, customerId: "ada" });
  await post(`/orders/${ids[0] ?? ""}/cancel`, {});
  await post("/products/chair/restock", { quantity: 7 });
  await post("/products/chair/stock", { quantity: 6 }, "PUT");
  await post("/products/chair/stock", { quantity: 9, asOfVersion: 3 }, "PUT");

  const lamp = "lamp";
  const order = (quantity: number, commandId: string = randomUUID()) =>
    placeOrder({ commandId, productId: lamp, quantity });
  const early = order(1);
  const repeated = order(2);
  const refused = order(1_000);
  const location = { latitude: 48.1, longitude: 11.5, address: "Marienplatz 1" };
  await append([
    order(1), // unknown_product
    receiveStock({ commandId: randomUUID(), productId: lamp, quantity: 50, reference: "delivery-1" }),
    { ...order(3), customerId: "bob", basketId: "basket-1", deliveryLocation: location },
    order(0), // quantity_out_of_range
    refused, // insufficient_stock
    cancelOrder({ commandId: randomUUID(), productId: lamp, orderId: refused.commandId }), // order_rejected
    cancelOrder({ commandId: cancelId(early.commandId), productId: lamp, orderId: early.commandId }),
    early,
    cancelOrder({ commandId: randomUUID(), productId: lamp, orderId: early.commandId }), // order_already_cancelled
    cancelOrder({ commandId: randomUUID(), productId: lamp, orderId: randomUUID() }), // its order never comes
    repeated,
    repeated,
    cancelOrder({ commandId: randomUUID(), productId: lamp, orderId: repeated.commandId }),
    repeated,
    countStock({ commandId: randomUUID(), productId: lamp, quantity: 40, asOfVersion: 2 }),
    countStock({ commandId: randomUUID(), productId: lamp, quantity: 40, asOfVersion: 99 }), // unknown_version
    receiveStock({ commandId: randomUUID(), productId: lamp, quantity: -1 }), // quantity_out_of_range
    order(1, repeated.commandId),
  ]);
  // A cancel that names another product, before the order: the order's id is taken.
  const named = randomUUID();
  await append([cancelOrder({ commandId: randomUUID(), productId: "absent", orderId: named })]);
  while ((await sql(`select from ledger where command_id = '${named}'`)).length === 0) await sleep(50);
  await append([placeOrder({ commandId: named, productId: lamp })]);

  // A producer that computes partitions otherwise: what was decided when is told by the versions alone.
  for (let round = 0; round < 6; round += 1) {
    await append(
      Array.from({ length: 8 }, (_, n) => ({
        command:
          n === 0
            ? receiveStock({ commandId: randomUUID(), productId: "strewn", quantity: 5 })
            : placeOrder({ commandId: randomUUID(), productId: "strewn", quantity: 1 }),
        partition: (round + n) % 4,
      })),
    );
  }
  // One id for orders of two products, in one partition.
  const twice = placeOrder({ commandId: randomUUID(), productId: "strewn", customerId: "twice" });
  await append([twice, { ...twice, productId: "absent" }].map((command) => ({ command, partition: 1 })));
  await appendOddities(tallyman.topic);
  await parkAndResume(world);
}

/** A product that parks because somebody added a constraint, then goes on; and another one that stays parked. */
async function parkAndResume({ append, sql }: AuditWorld): Promise<void> {
  const orderOf = (productId: string, quantity: number, customerId: string | null = null) =>
    placeOrder({ commandId: randomUUID(), productId, quantity, customerId });
  const decided = async (count: number, where: string): Promise<void> => {
    while ((await sql(`select from dead_letters where ${where}`)).length < count) await sleep(50);
  };
  await sql("alter table ledger add constraint nobody check (customer_id <> 'nobody')");
  for (const productId of ["parked", "waits"]) {
    const early = orderOf(productId, 1);
    await append([
      receiveStock({ commandId: randomUUID(), productId, quantity: 10 }),
      orderOf(productId, 1, "nobody"),
      orderOf(productId, 2),
      orderOf(productId, 100),
      cancelOrder({ commandId: randomUUID(), productId, orderId: early.commandId }),
      early,
      early,
      cancelOrder({ commandId: randomUUID(), productId, orderId: randomUUID() }),
    ]);
  }
  await decided(14, "outcome is null and kind <> 'undecodable'");
  await sql("alter table ledger drop constraint nobody");
  await append([
    resumeProduct({ commandId: randomUUID(), productId: "parked", commandsMax: 3 }),
    orderOf("parked", 1),
    resumeProduct({ commandId: randomUUID(), productId: "parked", commandsMax: 500 }),
    resumeProduct({ commandId: randomUUID(), productId: "parked", commandsMax: 500 }), // not_parked
    orderOf("parked", 1),
  ]);
  await decided(7, "outcome = 'resumed'");
}

/** Records that can't be read, and a transaction, whose marker takes an offset. */
async function appendOddities(topic: string): Promise<void> {
  const producer = plainKafka().producer({ transactionalId: randomUUID(), maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  try {
    for (const commit of [true, false]) {
      const transaction = await producer.transaction();
      await transaction.send({
        topic,
        messages: [
          { partition: 0, key: "chair", value: "no Avro", headers: { trace: "1" } },
          { partition: 1, key: null, value: Buffer.from([0, 0, 0, 0, 1]) },
        ],
      });
      await (commit ? transaction.commit() : transaction.abort());
    }
  } finally {
    await producer.disconnect();
  }
}
