import type { Logger } from "pino";
import type { limits } from "../limits.ts";
import type { LogInspector, LogSource } from "../log/log.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import type { EffectsCache } from "../stores/effects-cache.ts";
import type { LedgerStore } from "../stores/ledger-store.ts";
import type { PageCache } from "../stores/page-cache.ts";
import type { DecisionsTopic } from "./decisions-outlet.ts";

/** All that a processor needs of the world. Time passes only in `sleep`, so that a simulation can own it. */
export type ProcessorDeps = {
  readonly store: LedgerStore;
  readonly source: Omit<LogSource, "start" | "stop">;
  readonly inspector: Pick<LogInspector, "ends">;
  readonly codec: Pick<CommandCodec, "encode" | "decode" | "learn">;
  readonly cache: EffectsCache;
  /** Told of products that were archived or restored. Left out: there are no pages. */
  readonly pages?: Pick<PageCache, "touch">;
  /** Left out: it is switched off. */
  readonly decisions?: DecisionsTopic;
  /** Of the partition map as this process knows it: by it a product has its home partition, whose owner writes its quantity (P16). */
  readonly partitionCount: () => number;
  /** Written beside the epoch, for people. */
  readonly owner: string;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly log: Pick<Logger, "debug" | "info" | "warn" | "error">;
  readonly metrics: Pick<
    Metrics,
    | "commits"
    | "commitSeconds"
    | "groupCommands"
    | "fenced"
    | "refusals"
    | "decided"
    | "duplicates"
    | "deadLetters"
    | "parks"
    | "haltedPartitions"
    | "effectsBacklogCommands"
    | "decisionsTold"
    | "decisionsRecords"
    | "decisionsFailures"
    | "decisionsBehindRecords"
  >;
  readonly limits: { readonly [Name in keyof typeof limits]: number };
};

/** How long to wait before try number `failures` + 1: doubles up to its bound. */
export function backoffMs(
  { retryDelayMsMin, retryDelayMsMax }: Pick<ProcessorDeps["limits"], "retryDelayMsMin" | "retryDelayMsMax">,
  failures: number,
): number {
  return Math.min(retryDelayMsMax, retryDelayMsMin * 2 ** Math.min(failures - 1, 16));
}
