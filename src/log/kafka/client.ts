/** How kafkajs is set up, in one place: nothing of its defaults, which differ by NODE_ENV, is left to chance. */
import { Kafka, type KafkaConfig, type RetryOptions } from "kafkajs";
import type { Logger } from "pino";
import { registerCodecs } from "./compression.ts";
import { kafkajsLogLevel, logCreatorFor } from "./kafkajs-logger.ts";
import { createSockets, type SocketAddress, type Sockets } from "./sockets.ts";

/** Where the log is and who we are there. */
export type KafkaConnection = {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl?: Exclude<KafkaConfig["ssl"], undefined>;
  readonly sasl?: Exclude<KafkaConfig["sasl"], undefined>;
};

export type KafkaClient = {
  readonly kafka: Kafka;
  /** Its connections. Once cut, whatever kafkajs still tries with this client fails at once. */
  readonly sockets: Sockets;
};

/** For a question that somebody waits for: twice again, soon. */
export const questionRetry: RetryOptions = {
  initialRetryTime: 100,
  maxRetryTime: 500,
  factor: 0.2,
  multiplier: 2,
  retries: 2,
};

export type KafkaClientOptions = {
  readonly connection: KafkaConnection;
  readonly logger: Logger;
  readonly requestTimeoutMs: number;
  readonly retry: RetryOptions;
  /** Every connection leads to this broker. */
  readonly pinnedTo?: SocketAddress;
};

/** A client with connections of its own, so that one that went wrong is thrown away without touching another. */
export const createKafkaClient = (options: KafkaClientOptions): KafkaClient => {
  const { connection, logger, requestTimeoutMs, retry } = options;
  registerCodecs();
  const sockets = createSockets(options.pinnedTo);
  const { brokers, clientId, ssl, sasl } = connection;
  const kafka = new Kafka({
    brokers: [...brokers],
    clientId,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
    connectionTimeout: 1_000,
    authenticationTimeout: 5_000,
    requestTimeout: requestTimeoutMs,
    enforceRequestTimeout: true,
    retry,
    socketFactory: sockets.factory,
    logLevel: kafkajsLogLevel(logger),
    logCreator: logCreatorFor(logger, sockets),
  });
  return { kafka, sockets };
};
