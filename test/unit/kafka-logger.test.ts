import { logLevel } from "kafkajs";
import pino from "pino";
import { describe, expect, test } from "vitest";
import { kafkajsLogLevel, logCreatorFor } from "../../src/log/kafka/kafkajs-logger.ts";

const linesOf = (level: logLevel, message: string, isCut = false, error?: string): { level: number; msg: string }[] => {
  const lines: { level: number; msg: string }[] = [];
  const logger = pino(
    { level: "trace" },
    { write: (line) => lines.push(JSON.parse(line) as { level: number; msg: string }) },
  );
  const log = logCreatorFor(logger, { isCut: () => isCut })(logLevel.DEBUG);
  log({
    namespace: "Connection",
    level,
    label: "",
    log: { timestamp: "", logger: "kafkajs", message, ...(error && { error }) },
  });
  return lines;
};
const { warn, info, debug } = pino.levels.values;

describe("kafkajs's log lines", () => {
  test.each([
    ["its errors are warnings", logLevel.ERROR, "Connection error: refused", warn],
    ["its warnings are information", logLevel.WARN, "Consumer group received unsubscribed topics", info],
    ["its information is for debugging", logLevel.INFO, "Consumer has joined the group", debug],
    [
      "a broker that starts is for debugging (kafkajs hazard 15)",
      logLevel.ERROR,
      "The coordinator is loading and hence can't process requests",
      debug,
    ],
    ["so is a rebalance", logLevel.WARN, "The group is rebalancing, re-joining", debug],
    [
      "and a member that was away",
      logLevel.ERROR,
      "The coordinator is not aware of this member, re-joining the group",
      debug,
    ],
  ])("%s", (_what, level, message, expected) => {
    expect(linesOf(level, message)).toMatchObject([{ level: expected, msg: message, kafkajs: "Connection" }]);
  });

  test("the reason may be in the details", () => {
    const [line] = linesOf(
      logLevel.ERROR,
      "Response Heartbeat(key: 12, version: 3)",
      false,
      "The group is rebalancing, so a rejoin is needed",
    );
    expect(line?.level).toBe(debug);
  });

  test("a discarded client complains unheard", () => {
    expect(linesOf(logLevel.ERROR, "Connection error: refused", true)).toMatchObject([{ level: debug }]);
  });

  test.each([
    ["info", logLevel.WARN],
    ["debug", logLevel.INFO],
    ["trace", logLevel.DEBUG],
  ])("at our level %s kafkajs makes no more lines than are wanted", (level, expected) => {
    expect(kafkajsLogLevel(pino({ level }))).toBe(expected);
  });
});
