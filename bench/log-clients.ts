// npm run bench:log-clients: what an append costs through kafkajs, as Tallyman uses it, and through another client behind the same port.
import { Producer, type MessageToProduce } from "@platformatic/kafka";
import { pino } from "pino";
import type { AppendRecord, LogAppender } from "../src/log/log.ts";
import { createKafkaAppender } from "../src/log/kafka/appender.ts";
import { ensureTopic } from "../src/log/kafka/topic.ts";
import { type Bench, runBench, unlessAborted } from "./support/bench.ts";
import { ratioOf, spreadOf } from "./support/percentiles.ts";
import { ownName } from "./support/own-database.ts";
import { deleteFromKafka } from "./support/installation.ts";
import { printTable } from "./support/table.ts";

const partitionCount = 12;
/** As long as an order of a batch is. */
const valueBytes = 70;

const defaults = { records: 500, appends: 400, repetitions: 5 };

await runBench("npm run bench:log-clients", defaults, async (bench, { records, appends, repetitions }) => {
  const topic = ownName();
  const logger = pino({ level: "silent" });
  const connection = { brokers: bench.services.kafkaBrokers.split(","), clientId: topic };
  await ensureTopic(connection, { name: topic, partitionCount, replicationFactor: 1 }, logger);
  const clients: Readonly<Record<string, LogAppender>> = {
    kafkajs: createKafkaAppender({ connection, topic, logger }),
    "@platformatic/kafka": createOtherAppender(connection.brokers, topic),
  };
  try {
    const micros = new Map(Object.keys(clients).map((name) => [name, new Array<number>()]));
    // One round more, whose figures don't count: the code is compiled in it.
    for (let repetition = 0; repetition <= repetitions; repetition += 1) {
      for (const [name, client] of Object.entries(clients)) {
        const taken = await measure(bench, client, records, appends);
        if (repetition > 0) micros.get(name)?.push(taken);
      }
    }
    print(micros);
  } finally {
    await Promise.all(Object.values(clients).map((client) => client.close()));
    await deleteFromKafka(bench.services.kafkaBrokers, topic);
  }
  return 0;
});

/** Microseconds of this process's time for each record. */
async function measure({ signal }: Bench, client: LogAppender, recordCount: number, appends: number): Promise<number> {
  const records = Array.from({ length: recordCount }, (_, index): AppendRecord => {
    return { partition: index % partitionCount, key: `product-${index % 97}`, value: Buffer.alloc(valueBytes, index) };
  });
  const before = process.cpuUsage();
  for (let done = 0; done < appends; done += 1) {
    const offsets = await unlessAborted(signal, client.append(records));
    if (offsets.length !== recordCount) throw new Error(`${offsets.length} of ${recordCount} were acknowledged`);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (recordCount * appends);
}

function createOtherAppender(bootstrapBrokers: string[], topic: string): LogAppender {
  const producer = new Producer({ clientId: topic, bootstrapBrokers, autocreateTopics: false });
  return {
    append: async (records) => {
      const messages = records.map(({ partition, key, value }): MessageToProduce => {
        if (key === null || value === null) throw new TypeError("every record here has a key and a value");
        return { topic, partition, key: Buffer.from(key), value };
      });
      const { offsets = [] } = await producer.send({ messages, acks: -1, idempotent: false });
      const next = new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
      return records.map(({ partition }) => {
        const offset = next.get(partition);
        if (offset === undefined) throw new Error(`partition ${partition} was not acknowledged`);
        next.set(partition, offset + 1);
        return offset;
      });
    },
    close: () => producer.close(),
  };
}

function print(micros: ReadonlyMap<string, readonly number[]>): void {
  const ours = micros.get("kafkajs") ?? [];
  console.log(
    "\nProcessor time of the producing process for each record, µs: median, min and max; and how many times kafkajs's",
  );
  const rows = Array.from(micros, ([name, values]) => {
    const { median, min, max } = spreadOf(values);
    const ratio = ratioOf(values, ours) ?? Number.NaN;
    return [name, ...[median, min, max, ratio].map((value) => value.toFixed(2))];
  });
  printTable(["client", "median", "min", "max", "ratio"], rows);
}
