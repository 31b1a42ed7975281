/**
 * kafkajs's log lines in ours. kafkajs calls a fault what it mends by itself a moment later; whoever uses it here (the
 * appender, the source) says what did go wrong, with its consequence. So its errors are warnings, its warnings are
 * information, and what belongs to an ordinary start or rebalance is for debugging.
 *
 * While a broker is away kafkajs says the same several times a second, in every client, for hours if need be: each complaint
 * is told once in a while, with the number of times that it was left out.
 */
import { logLevel, type logCreator } from "kafkajs";
import { LRUCache } from "lru-cache";
import type { Logger } from "pino";
import { limits } from "../../limits.ts";

/** kafkajs hazard 15: these pass by themselves, mostly while a broker or a group starts. */
const expected = [
  /coordinator is loading/i,
  /group coordinator is not available/i,
  /not the (correct )?coordinator/i,
  /group is rebalancing/i,
  /coordinator is not aware of this member/i,
  /there is no leader for this topic-partition/i,
  /leadership election/i,
  /response without match/i,
];

/** Whether this is what an ordinary start or rebalance brings with it. */
export const isExpected = (text: string): boolean => expected.some((pattern) => pattern.test(text));

type PinoLevel = "warn" | "info" | "debug";

const levelFor = (level: logLevel, text: string): PinoLevel => {
  if (isExpected(text)) return "debug";
  if (level === logLevel.ERROR) return "warn";
  return level === logLevel.WARN ? "info" : "debug";
};

/** What kafkajs is to say at all. It makes its debug lines per request: only for who reads them. */
export const kafkajsLogLevel = (logger: Logger): logLevel => {
  if (logger.isLevelEnabled("trace")) return logLevel.DEBUG;
  return logger.isLevelEnabled("debug") ? logLevel.INFO : logLevel.WARN;
};

type Complaint = { readonly toldAt: number; leftOut: number };

/** By logger, for clients come and go while a broker is away: what was told, and when. */
const complaintsOf = new WeakMap<Logger, LRUCache<string, Complaint>>();

/** How often the complaint was left out since it was told, when it is to be told now; undefined: leave it out. */
const leftOutSince = (logger: Logger, text: string, now: number): number | undefined => {
  const complaints = complaintsOf.get(logger) ?? new LRUCache<string, Complaint>({ max: limits.logComplaintsMax });
  complaintsOf.set(logger, complaints);
  const known = complaints.get(text);
  if (known !== undefined && now - known.toldAt < limits.logRepeatMs) {
    known.leftOut += 1;
    return undefined;
  }
  complaints.set(text, { toldAt: now, leftOut: 0 });
  return known?.leftOut ?? 0;
};

/** `client.isCut` silences what a discarded client still complains about. `now` is in milliseconds. */
export const logCreatorFor =
  (logger: Logger, client: { isCut(): boolean }, now: () => number = Date.now): logCreator =>
  () =>
  ({ namespace, level, log }) => {
    const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...details } = log;
    const error: unknown = details.error;
    const text = `${message} ${typeof error === "string" ? error : ""}`;
    const fields = { kafkajs: namespace, ...details };
    const pinoLevel = client.isCut() ? "debug" : levelFor(level, text);
    if (pinoLevel === "debug") {
      logger.debug(fields, message);
      return;
    }
    const leftOut = leftOutSince(logger, `${namespace} ${text}`, now());
    if (leftOut !== undefined) logger[pinoLevel]({ ...fields, ...(leftOut > 0 && { leftOut }) }, message);
  };
