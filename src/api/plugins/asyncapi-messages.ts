/** The messages of /asyncapi.json: the Avro schemas as they are registered, and dead letters, which are anybody's bytes. */
import { limits } from "../../limits.ts";
import { productIdShape } from "../../schemas/command-rules.ts";
import { commandSchemas } from "../../schemas/command-schemas.ts";
import type { CommandType } from "../../schemas/commands.ts";
import { decisionsRecordName, decisionsSchemaText } from "../../schemas/decisions-codec.ts";
import type { DeadLetterKind } from "../../stores/ledger-store.ts";

/** Of Kafka's bindings. */
export const bindingVersion = "0.5.0";
const wireFormat = "A zero byte, the schema's id in the registry in four bytes (big endian), the record in Avro.";
const key = {
  type: "string",
  pattern: productIdShape.source,
  description: "The product's id, in UTF-8. The partition follows from it by murmur2, as with Java's client.",
};

function avroMessage(recordName: string, schemaText: string) {
  const schema = JSON.parse(schemaText) as { readonly name: string; readonly doc: string };
  return {
    name: recordName,
    title: schema.name,
    summary: schema.doc,
    description: wireFormat,
    contentType: "application/octet-stream",
    payload: { schemaFormat: "application/vnd.apache.avro;version=1.9.0", schema },
    bindings: {
      kafka: {
        key,
        schemaIdLocation: "payload",
        schemaIdPayloadEncoding: "confluent",
        schemaLookupStrategy: "RecordNameStrategy",
        bindingVersion,
      },
    },
  };
}

export const commandMessages = Object.fromEntries(
  commandSchemas.map(({ commandType, recordName, text }) => [commandType, avroMessage(recordName, text)]),
) as Record<CommandType, ReturnType<typeof avroMessage>>;

export const decisionsMessage = avroMessage(decisionsRecordName, decisionsSchemaText);

const digits = (description: string) => ({ type: "string", pattern: "^-?\\d+$", description });
export const deadLetterMessage = {
  name: "DeadLetter",
  title: "DeadLetter",
  summary: "A record of the orders as it was, with where it came from and why it is here as headers.",
  description:
    "Of what can't be decoded, key and value are the record's own, whatever they are; of a command, as it would be on the log. Headers of the " +
    "record itself are there too.",
  contentType: "application/octet-stream",
  headers: {
    type: "object",
    description: "Each in UTF-8.",
    required: ["tallyman-kind", "tallyman-reason", "tallyman-partition", "tallyman-offset", "tallyman-stored-at"],
    properties: {
      "tallyman-kind": {
        type: "string",
        enum: ["undecodable", "refused"] satisfies DeadLetterKind[],
        description:
          "It is no command; or PostgreSQL refused to write what was decided, which parked its product. What waits for such a product is not told.",
      },
      "tallyman-reason": {
        type: "string",
        description: "A stable code; of what was refused, what PostgreSQL said.",
      },
      "tallyman-partition": digits("The partition of the orders in which it was."),
      "tallyman-offset": digits("Its offset there. Below 0 where that partition's log was lost and began anew."),
      "tallyman-stored-at": {
        type: "string",
        format: "date-time",
        description: "When it was kept, by PostgreSQL's clock.",
      },
      "tallyman-value-bytes": digits(
        `How long the value was; only where it is cut, which is done after ${limits.letterValueBytesMax} bytes.`,
      ),
    },
  },
  payload: { description: "The bytes of the record's value; none where it had none." },
  bindings: {
    kafka: { key: { description: "The record's key; none where it had none." }, bindingVersion },
  },
};
