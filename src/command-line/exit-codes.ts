/** What `tallyman` ends with, in line with src/main.ts; docs/operations.md lists them. */
import { CommanderError } from "commander";
import { ConfigInvalid } from "../config.ts";
import { TopicMisconfigured } from "../log/kafka/topic.ts";
import { LogUnavailable } from "../log/log.ts";
import { SchemaIncompatible, SchemaSourceUnavailable } from "../schemas/schema-source.ts";
import { StoreUnfit } from "../stores/audit-store.ts";
import { CacheUnavailable } from "../stores/effects-cache.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import { DatabaseUnfit } from "../stores/postgres/migrate.ts";

export const exitCodes = {
  fine: 0,
  /** It found differences, or did not do what was asked. */
  failed: 1,
  /** The command line or the environment is wrong. */
  usage: 2,
  /** A service is away or not fit. */
  service: 3,
  /** Ctrl-C, as shells tell it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Something that the caller asked for is not possible, in a way that only the command can tell. */
export class UsageWrong extends Error {
  override readonly name = "UsageWrong";
}

const ofService = [
  CacheUnavailable,
  DatabaseUnfit,
  LogUnavailable,
  SchemaIncompatible,
  SchemaSourceUnavailable,
  StoreUnavailable,
  StoreUnfit,
  TopicMisconfigured,
];

export function exitCodeOf(error: unknown): ExitCode {
  // Help and version end commander by an error too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
  if (error instanceof ConfigInvalid || error instanceof UsageWrong) return exitCodes.usage;
  return ofService.some((each) => error instanceof each) ? exitCodes.service : exitCodes.failed;
}

/** One line, with the reason behind it where there is one. */
export function lineOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const because = cause instanceof Error && !error.message.includes(cause.message) ? ` (${cause.message})` : "";
  return `${error.message}${because}`.replaceAll(/\s*\n\s*/g, "; ");
}
