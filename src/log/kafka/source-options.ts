import { PartitionAssigners, type PartitionAssigner } from "kafkajs";
import type { Logger } from "pino";
import type { KafkaConnection } from "./client.ts";
import type { ConsumerSettings } from "./consumer-run.ts";

export type KafkaSourceOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  readonly logger: Logger;
  /** All members of a group name the same ones (kafkajs hazard 6). */
  readonly assigners?: readonly PartitionAssigner[];
  /**
   * After this the partitions of an owner that died go to another one. 6 s is the least that a broker allows by default.
   * A low one costs nothing but a rebalance when a process stalls: the epoch in PostgreSQL is the fence (kafkajs hazard 7).
   */
  readonly sessionTimeoutMs?: number;
  /**
   * How long a member does not notice a rebalance, and all that notice it earlier stand still until it does: with 1.5 s a
   * restart stopped products for up to 2.3 s, with 250 ms for 0.9 s (`npm run bench:restart`). kafkajs sends heartbeats
   * between fetches only, so that less than `fetchMaxWaitMs` changes nothing.
   */
  readonly heartbeatIntervalMs?: number;
  /** How long a rebalance waits for members that are alive; they come at their next heartbeat or fetch. */
  readonly rebalanceTimeoutMs?: number;
  readonly progressIntervalMs?: number;
  /** A run that does nothing for so long is replaced. Longer than a rebalance and a request's time-out. */
  readonly silenceMs?: number;
};

/** The options with what holds where nothing is said. */
export const consumerSettings = (options: KafkaSourceOptions): ConsumerSettings => ({
  connection: options.connection,
  topic: options.topic,
  groupId: options.groupId,
  logger: options.logger,
  assigners: options.assigners ?? [PartitionAssigners.roundRobin],
  sessionTimeoutMs: options.sessionTimeoutMs ?? 6_000,
  heartbeatIntervalMs: options.heartbeatIntervalMs ?? 250,
  rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 10_000,
});
