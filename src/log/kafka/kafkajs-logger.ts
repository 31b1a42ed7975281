/**
 * kafkajs's log lines in ours. kafkajs calls a fault what it mends by itself a moment later; whoever uses it here (the
 * appender, the source) says what did go wrong, with its consequence. So its errors are warnings, its warnings are
 * information, and what belongs to an ordinary start or rebalance is for debugging.
 */
import { logLevel, type logCreator } from "kafkajs";
import type { Logger } from "pino";

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

/** `client.isCut` silences what a discarded client still complains about. */
export const logCreatorFor =
  (logger: Logger, client: { isCut(): boolean }): logCreator =>
  () =>
  ({ namespace, level, log }) => {
    const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...details } = log;
    const error: unknown = details.error;
    const text = `${message} ${typeof error === "string" ? error : ""}`;
    logger[client.isCut() ? "debug" : levelFor(level, text)]({ kafkajs: namespace, ...details }, message);
  };
