/** What every log does, seen through its ports (src/log/log.ts, src/log/log-admin.ts). */
import { describe } from "vitest";
import { describeLogAdmin } from "./log-admin.contract.ts";
import { describeLogAppends } from "./log-appends.contract.ts";
import { describeLogGroup } from "./log-group.contract.ts";
import { describeLogRanges } from "./log-ranges.contract.ts";
import { describeLogSource } from "./log-source.contract.ts";
import type { MakeLogWorld } from "./log-world.ts";

export function describeLog(where: string, makeWorld: MakeLogWorld): void {
  // Each test has a log of its own, and most of their time is waiting.
  describe.concurrent(`a log ${where}`, () => {
    describeLogAppends(makeWorld);
    describeLogSource(makeWorld);
    describeLogRanges(makeWorld);
    describeLogGroup(makeWorld);
    describeLogAdmin(makeWorld);
  });
}
