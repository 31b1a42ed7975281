/**
 * The log's producer of one simulated api. As with kafkajs (KAFKAJS.md 1 to 3): a request may be stored and its answer lost, the
 * client may then send it once more, and of a request for several partitions some may be stored and others not.
 *
 * I1 One append in flight (P18); a second one is the caller's mistake and throws.
 */
import assert from "node:assert/strict";
import { LogUnavailable } from "../log/log.ts";
import type { AppendRecord, LogAppender } from "../log/log.ts";
import type { Engine } from "./engine.ts";
import type { SimService } from "./service.ts";
import type { SimLog } from "./sim-log.ts";
import type { SimProcess } from "./sim-process.ts";

export type SimAppenderOptions = {
  readonly engine: Engine;
  readonly process: SimProcess;
  readonly log: SimLog;
  readonly service: SimService;
};

const triesMax = 2;

export function createSimAppender({ engine, process, log, service }: SimAppenderOptions): LogAppender {
  let isInFlight = false;
  const store = (records: readonly AppendRecord[]): Promise<number[]> => {
    const nowhere = records.find(({ partition }) => partition >= log.partitions.length);
    if (nowhere !== undefined) return Promise.reject(new LogUnavailable(`there is no partition ${nowhere.partition}`));
    const isTroubled = service.lossRate > 0 && engine.chance(service.lossRate);
    if (!isTroubled) return Promise.resolve(log.append(records));
    const failing = engine.pick(records).partition;
    log.append(records.filter(({ partition }) => partition !== failing));
    return Promise.reject(new LogUnavailable(`partition ${failing} has no leader`));
  };
  const send = async (records: readonly AppendRecord[]): Promise<number[]> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await service.call(process, `append of ${records.length}`, () => store(records));
      } catch (error) {
        // The client sends again by itself what may have been stored (P18).
        if (tries === triesMax || !engine.chance(0.5)) throw error;
      }
    }
  };
  return {
    append: async (records) => {
      assert(!isInFlight, "one append in flight (P18)"); // I1
      if (records.length === 0) return [];
      isInFlight = true;
      try {
        return await send(records);
      } finally {
        isInFlight = false;
      }
    },
    close: () => Promise.resolve(),
  };
}
