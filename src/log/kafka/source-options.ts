import { PartitionAssigners, type PartitionAssigner } from "kafkajs";
import type { Logger } from "pino";
import type { HeldPartition } from "../log.ts";
import type { KafkaConnection } from "./client.ts";
import type { ConsumerSettings } from "./consumer-run.ts";
import { createGroupAssigner } from "./group-assigner.ts";

export type KafkaSourceOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  readonly logger: Logger;
  /** Who this is, the same after a restart: partitions are then pinned to it (docs/decisions/050). Without one they go round. */
  readonly instanceId?: string;
  /** Instead of those that `instanceId` makes. All members of a group have one in common (kafkajs hazard 6). */
  readonly assigners?: readonly PartitionAssigner[];
  /**
   * After this the partitions of an owner that died go to another one. A low one costs nothing but a rebalance when a process
   * stalls: the epoch in PostgreSQL is the fence (kafkajs hazard 7). A broker that refuses it is asked for more, see
   * `sessionStepsMs`.
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

/** The least that a broker allows, if nobody has set another one. */
export const defaultSessionTimeoutMs = 6_000;
/** What is asked for, one after the other, where a broker refuses less: its operators may have raised its least. */
export const sessionStepsMs: readonly number[] = [defaultSessionTimeoutMs, 10_000, 30_000, 60_000];

/**
 * The options with what holds where nothing is said. `held` tells the group what the instance holds; `sessionTimeoutMs` is what
 * the broker has not refused so far.
 */
export const consumerSettings = (
  options: KafkaSourceOptions,
  held: () => readonly HeldPartition[],
  sessionTimeoutMs: number,
): ConsumerSettings => ({
  connection: options.connection,
  topic: options.topic,
  groupId: options.groupId,
  logger: options.logger,
  assigners: options.assigners ?? assignersOf(options, held),
  sessionTimeoutMs,
  heartbeatIntervalMs: options.heartbeatIntervalMs ?? 250,
  rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 10_000,
});

/**
 * The broker takes what all members have, and of that what most of them named first. So members of the version before, which
 * only go round, can be exchanged for pinned ones one by one, and back.
 */
const assignersOf = (
  { instanceId, topic, logger }: KafkaSourceOptions,
  held: () => readonly HeldPartition[],
): readonly PartitionAssigner[] =>
  instanceId === undefined
    ? [PartitionAssigners.roundRobin]
    : [createGroupAssigner({ instanceId, topic, held, logger }), PartitionAssigners.roundRobin];
