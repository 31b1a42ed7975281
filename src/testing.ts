/** `tallyman/testing`: all that a user's tests import of it. docs/testing.md tells how. */
export { faultCount, faultsFrom } from "./testing/faults.ts";
export type { Fault, LossyHttp, TimedFault } from "./testing/faults.ts";
export { ProducerError } from "./testing/producer.ts";
export type {
  ProducerBatch,
  ProducerMessage,
  ProducerRecord,
  RecordMetadata,
  SimulatedProducer,
  TopicMessages,
} from "./testing/producer.ts";
export { CheckFailed, simulateTallyman } from "./testing/simulate-tallyman.ts";
export type { SimulatedTallyman, SimulationOptions } from "./testing/simulate-tallyman.ts";
export { ClientStuck } from "./testing/users-run.ts";
export type { KeptRecord } from "./testing/books.ts";
export type { SentCommand } from "./testing/encode.ts";
export type { CommandType, DeliveryLocation } from "./schemas/commands.ts";
export type { Line, LineStatus, RefusalReason, StoredLine } from "./schemas/lines.ts";
export type { ProcessKind, ServiceName } from "./simulation/faults.ts";
export type { OrderDocument, OrderStatus } from "./schemas/order-document.ts";
