/**
 * Commands to bytes and back: Confluent's wire format, a zero byte, the schema id in four bytes (big endian), Avro.
 * Encoding and decoding are synchronous, for they run once per order on the hot path.
 *
 * Who owns what: the codec owns what is known of each schema id (`readers`). Only `learn` adds to it.
 *
 * I1 `decode` never awaits and never throws: bytes are a command, undecodable for ever, or of a schema not learned yet.
 * I2 An id is remembered only once its fate is certain; a source that is away leaves no trace, so that asking again helps.
 * I3 One flight per schema id (kafkajs hazard 16): the registry's client neither remembers a 404 nor joins concurrent misses.
 * I4 A decoded command shares no memory with the bytes (kafkajs hazard 13): a value is a slice of a whole fetch, which would
 *    stay in memory as long as one command of it. avsc copies strings; `avro-codec.test.ts` checks that it does.
 */
import { LRUCache } from "lru-cache";
import type { Type } from "avsc";
import { commandFrom } from "./command-rules.ts";
import { commandSchemas, parseAvroType, type CommandSchema } from "./command-schemas.ts";
import type { Command, CommandType } from "./commands.ts";
import { SchemaUnknown, type SchemaSource } from "./schema-source.ts";
import type { UndecodableReason } from "./undecodable.ts";

export type Decoded =
  | { readonly kind: "command"; readonly command: Command }
  | { readonly kind: "undecodable"; readonly reason: UndecodableReason }
  /** `learn` this id, then decode again. */
  | { readonly kind: "unknown_schema"; readonly schemaId: number };

export type CommandCodec = {
  /** The bytes of the command. Throws when a field is not of its Avro type: the caller has validated the command. */
  encode(command: Command): Buffer;
  /** `key` and `value` of a record. The result shares no memory with them. */
  decode(key: Buffer | null, value: Buffer | null): Decoded;
  /**
   * Fetches the schema with this id, so that `decode` knows what it is, be it a command's or not. Rejects with
   * `SchemaSourceUnavailable` (retryable) when that can't be told now; ids already known are no work.
   */
  learn(schemaId: number): Promise<void>;
};

type Writer = { readonly schemaId: number; readonly type: Type };
type Reader = {
  readonly commandType: CommandType;
  readonly type: Type;
  readonly writer: Type;
  readonly resolver: ReturnType<Type["createResolver"]> | undefined;
};

/** The zero byte and the schema id, before the Avro. */
export const headBytes = 5;
/** More than any valid command takes; a longer one is encoded by the slow way. */
const scratchBytes = 32 * 1024;
/** Ids remembered; records with made-up ids must not fill the memory. */
const readersMax = 10_000;

const undecodable = (reason: UndecodableReason): Decoded => ({ kind: "undecodable", reason });

/** How to read what `writerText` wrote. */
const readerFor = (writerText: string, ours: readonly CommandSchema[]): Reader | UndecodableReason => {
  let writer: Type;
  try {
    writer = parseAvroType(writerText);
  } catch {
    return "incompatible_schema"; // Of whoever made it: it must not keep the partition waiting.
  }
  const schema = ours.find(({ recordName }) => recordName === writer.name);
  if (schema === undefined) return "unknown_record";
  const { commandType, type } = schema;
  try {
    return { commandType, type, writer, resolver: writer.equals(type) ? undefined : type.createResolver(writer) };
  } catch {
    return "incompatible_schema";
  }
};

/** U+FFFD, which avsc reads also where the bytes are no UTF-8. */
const hasReplacement = (command: Command): boolean => {
  const has = (text: string | null | undefined): boolean => text?.includes("\uFFFD") === true;
  if (command.type === "PlaceOrder") {
    return has(command.customerId) || has(command.basketId) || has(command.deliveryLocation?.address);
  }
  return "reference" in command && has(command.reference);
};

/** Whether the value is what was read of it: a text that lost bytes in reading is written with others. Rare, hence the slow way. */
const isFaithful = (writer: Type, value: Buffer): boolean =>
  writer.toBuffer(writer.decode(value, headBytes).value).equals(value.subarray(headBytes));

/**
 * Registers our schemas at `source` and returns the codec. Rejects with `SchemaIncompatible`, which must stop the
 * start-up, and `SchemaSourceUnavailable`. `schemas` is there for tests of other versions.
 */
export const createCommandCodec = async (
  source: SchemaSource,
  schemas: readonly CommandSchema[] = commandSchemas,
): Promise<CommandCodec> => {
  const writers = new Map<CommandType, Writer>();
  const readers = new LRUCache<number, Reader | UndecodableReason>({ max: readersMax });
  const flights = new Map<number, Promise<void>>();
  const scratch = Buffer.allocUnsafe(scratchBytes);

  for (const { commandType, type, text } of schemas) {
    const schemaId = await source.register(text);
    writers.set(commandType, { schemaId, type });
    readers.set(schemaId, { commandType, type, writer: type, resolver: undefined });
  }

  const fetchReader = async (schemaId: number): Promise<void> => {
    try {
      readers.set(schemaId, readerFor(await source.schemaById(schemaId), schemas));
    } catch (error) {
      if (!(error instanceof SchemaUnknown)) throw error; // I2
      readers.set(schemaId, "unknown_schema_id");
    }
  };

  const read = ({ commandType, type, writer, resolver }: Reader, key: Buffer, value: Buffer): Decoded => {
    let result: { value: unknown; offset: number };
    try {
      result = type.decode(value, headBytes, resolver);
    } catch {
      return undecodable("malformed_avro");
    }
    if (result.offset !== value.length) return undecodable("malformed_avro");
    const command = commandFrom(commandType, result.value, key);
    if (typeof command === "string") return undecodable(command);
    if (hasReplacement(command) && !isFaithful(writer, value)) return undecodable("invalid_text");
    return { kind: "command", command };
  };

  return {
    encode: (command) => {
      const writer = writers.get(command.type);
      if (writer === undefined) throw new TypeError(`no schema for ${command.type}`);
      scratch.writeInt32BE(writer.schemaId, 1);
      scratch[0] = 0;
      const end = writer.type.encode(command, scratch, headBytes);
      if (end > 0) return Buffer.from(scratch.subarray(0, end));
      return Buffer.concat([scratch.subarray(0, headBytes), writer.type.toBuffer(command)]);
    },
    decode: (key, value) => {
      if (value === null) return undecodable("no_value");
      if (key === null) return undecodable("no_key");
      if (value.length < headBytes || value[0] !== 0) return undecodable("not_confluent");
      const schemaId = value.readInt32BE(1);
      const reader = readers.get(schemaId);
      if (reader === undefined) return { kind: "unknown_schema", schemaId };
      return typeof reader === "string" ? undecodable(reader) : read(reader, key, value);
    },
    learn: (schemaId) => {
      if (readers.has(schemaId)) return Promise.resolve();
      const flight = flights.get(schemaId) ?? fetchReader(schemaId).finally(() => flights.delete(schemaId));
      flights.set(schemaId, flight); // I3
      return flight;
    },
  };
};
