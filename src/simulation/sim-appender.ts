/**
 * The log's producer of one simulated api. As with kafkajs (KAFKAJS.md 1 to 3): a request may be stored and its answer lost, the
 * client may then send it once more, and of a request for several partitions some may be stored and others not.
 */
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
  const store = (records: readonly AppendRecord[]): Promise<number[]> => {
    const isTroubled = service.lossRate > 0 && engine.chance(service.lossRate);
    if (!isTroubled) return Promise.resolve(log.append(records));
    const failing = engine.pick(records).partition;
    log.append(records.filter(({ partition }) => partition !== failing));
    return Promise.reject(new LogUnavailable(`partition ${failing} has no leader`));
  };
  return {
    append: async (records) => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await service.call(process, `append of ${records.length}`, () => store(records));
        } catch (error) {
          // The client sends again by itself what may have been stored (P18).
          if (tries === triesMax || !engine.chance(0.5)) throw error;
        }
      }
    },
    close: () => Promise.resolve(),
  };
}
