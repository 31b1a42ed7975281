import { logLevel } from "kafkajs";
import pino from "pino";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
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

  test("the same complaint is told once in a while, by whichever client, with how often it was left out", () => {
    const lines: { msg: string; leftOut?: number }[] = [];
    const logger = pino({ level: "info" }, { write: (line) => lines.push(JSON.parse(line) as { msg: string }) });
    let time = 0;
    const complain = (message: string, level = logLevel.ERROR): void => {
      const log = logCreatorFor(logger, { isCut: () => false }, () => time)(logLevel.WARN);
      log({ namespace: "Connection", level, label: "", log: { timestamp: "", logger: "kafkajs", message } });
    };
    for (let count = 0; count < 5; count++) complain("refused");
    complain("reset");
    expect(lines.map(({ msg, leftOut }) => [msg, leftOut])).toEqual([
      ["refused", undefined],
      ["reset", undefined],
    ]);
    time += limits.logRepeatMs;
    complain("refused");
    complain("refused");
    expect(lines.slice(2)).toMatchObject([{ msg: "refused", leftOut: 4 }]);
    time += limits.logRepeatMs;
    complain("reset");
    expect(lines.slice(3)).toMatchObject([{ msg: "reset" }]);
    expect(lines[3]).not.toHaveProperty("leftOut");
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
