/** Reads the whole topic as any program could: by kafkajs, and by the schemas that the registry has. Nothing of src/. */
import { randomUUID } from "node:crypto";
import avro from "avsc";
import { Kafka, logLevel } from "kafkajs";
import type { Addresses } from "../../local/addresses.ts";
import type { LogRecord } from "./auditor/evidence.ts";

/** Confluent's wire format: a zero byte, the schema's id in four, then Avro. */
const headerBytes = 5;
const stallLimitMs = 30_000;

export type TopicReader = {
  /** Where the log ends, by partition. */
  ends(): Promise<number[]>;
  /** All records below those ends. */
  read(ends: readonly number[]): Promise<LogRecord[]>;
};

export function createTopicReader(addresses: Addresses, topic: string): TopicReader {
  const kafka = new Kafka({
    brokers: addresses.kafkaBrokers.split(","),
    clientId: "chaos",
    logLevel: logLevel.NOTHING,
    retry: { retries: 8 },
  });

  const ends = async (): Promise<number[]> => {
    const admin = kafka.admin();
    await admin.connect();
    try {
      const found: number[] = [];
      for (const { partition, high } of await admin.fetchTopicOffsets(topic)) found[partition] = Number(high);
      return found;
    } finally {
      await admin.disconnect();
    }
  };

  const read = async (wanted: readonly number[]): Promise<LogRecord[]> => {
    const records: LogRecord[] = [];
    const missing = new Set([...wanted.keys()].filter((partition) => (wanted[partition] ?? 0) > 0));
    if (missing.size === 0) return records;
    const decode = createDecoder(addresses.schemaRegistryUrl);
    const groupId = `chaos-${randomUUID()}`;
    const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
    const { promise: done, resolve, reject } = Promise.withResolvers<undefined>();
    let stall = setTimeout(reject, stallLimitMs, new Error("the topic can't be read to its end"));
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch: { partition, messages } }) => {
          clearTimeout(stall);
          stall = setTimeout(reject, stallLimitMs, new Error("the topic can't be read to its end"));
          for (const { offset, key, value } of messages) {
            if (Number(offset) >= (wanted[partition] ?? 0)) continue;
            const fields = await decode(value ?? Buffer.alloc(0));
            records.push({ ...fields, partition, offset: Number(offset), key: key?.toString() ?? "" });
          }
          if (Number(messages.at(-1)?.offset ?? -1) >= (wanted[partition] ?? 0) - 1) missing.delete(partition);
          if (missing.size === 0) resolve(undefined);
        },
      });
      await done;
    } finally {
      clearTimeout(stall);
      await consumer.disconnect();
      const admin = kafka.admin();
      await admin.connect();
      await admin.deleteGroups([groupId]).catch(() => undefined);
      await admin.disconnect();
    }
    return records;
  };
  return { ends, read };
}

type Fields = Pick<LogRecord, "type" | "commandId" | "productId" | "orderId" | "reference" | "actor" | "quantity">;

function createDecoder(registryUrl: string): (value: Buffer) => Promise<Fields> {
  const types = new Map<number, Promise<avro.Type>>();
  const typeOf = async (id: number): Promise<avro.Type> => {
    const response = await fetch(`${registryUrl}/schemas/ids/${id}`);
    const { schema } = (await response.json()) as { schema: string };
    return avro.Type.forSchema(JSON.parse(schema) as avro.Schema);
  };
  return async (value) => {
    const id = value.readInt32BE(1);
    const type = await (types.get(id) ?? types.set(id, typeOf(id)).get(id));
    if (type === undefined) throw new Error(`no schema ${id}`);
    const fields = type.fromBuffer(value.subarray(headerBytes)) as Partial<Fields>;
    const { commandId = "", productId = "", orderId = null, reference = null, actor = null, quantity = null } = fields;
    return { type: type.name?.split(".").at(-1) ?? "", commandId, productId, orderId, reference, actor, quantity };
  };
}
