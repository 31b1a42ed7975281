/** What Tallyman reads and writes on Kafka, and over WebSockets, as AsyncAPI 3.0: what OpenAPI is to its routes. */
import { liveChannel, liveMessages, liveOperations } from "./asyncapi-live.ts";
import { bindingVersion, commandMessages, deadLetterMessage, decisionsMessage } from "./asyncapi-messages.ts";

export type TopicNames = {
  readonly orders: string;
  readonly deadLetters: string;
  /** Null: nobody is told. */
  readonly decisions: string | null;
};

const messagesOfOrders = Object.keys(commandMessages);
const ref = (path: string) => ({ $ref: `#/${path}` });

/** `ordersPartitions` of the topic of the orders. Of the others the topics themselves tell: an operator may have made them. */
export function asyncapiDocument(topics: TopicNames, ordersPartitions: number) {
  const { orders, deadLetters, decisions } = topics;
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Tallyman",
      version: "1",
      description:
        "Commands in, each decided exactly once against the product's stock; decisions and dead letters out, each told at " +
        "least once. The schemas are in the registry under their records' names, FULL_TRANSITIVE. Which brokers have the topics is " +
        "not said here: their addresses depend on where you are.",
      license: { name: "MIT" },
    },
    channels: {
      orders: channelOf(orders, messagesOfOrders, "What anybody wants, in the order in which it is decided", {
        partitions: ordersPartitions,
      }),
      deadLetters: channelOf(
        deadLetters,
        ["DeadLetter"],
        "Records of the orders that were passed without being decided",
      ),
      ...(decisions !== null && {
        decisions: channelOf(
          decisions,
          ["Decisions"],
          "What was decided, in order for each product and partition of the orders",
        ),
      }),
      live: liveChannel,
    },
    operations: {
      takeCommands: operationOf(
        "receive",
        "orders",
        messagesOfOrders,
        "Producers send commands with `acks=all`. What Kafka acknowledged is decided, once: the same `commandId` again changes nothing. " +
          "What is no command becomes a dead letter, and holds up nobody.",
      ),
      tellDeadLetters: operationOf(
        "send",
        "deadLetters",
        ["DeadLetter"],
        "At least once: a crash repeats. A letter is known again by `tallyman-partition` and `tallyman-offset`.",
      ),
      ...(decisions !== null && {
        tellDecisions: operationOf(
          "send",
          "decisions",
          ["Decisions"],
          "After the commit, at least once: a crash repeats, and never skips. Drop what is not beyond the newest `position` and `index` " +
            "of its product and its `partition`.",
        ),
      }),
      ...liveOperations,
    },
    components: {
      messages: {
        ...commandMessages,
        DeadLetter: deadLetterMessage,
        ...(decisions !== null && { Decisions: decisionsMessage }),
        ...liveMessages,
      },
    },
  };
}

export type AsyncapiDocument = ReturnType<typeof asyncapiDocument>;

function channelOf(topic: string, messages: readonly string[], summary: string, binding: { partitions?: number } = {}) {
  return {
    address: topic,
    summary,
    messages: Object.fromEntries(messages.map((name) => [name, ref(`components/messages/${name}`)])),
    bindings: { kafka: { topic, ...binding, bindingVersion } },
  };
}

function operationOf(action: "send" | "receive", channel: string, messages: readonly string[], description: string) {
  return {
    action,
    channel: ref(`channels/${channel}`),
    description,
    messages: messages.map((name) => ref(`channels/${channel}/messages/${name}`)),
  };
}
