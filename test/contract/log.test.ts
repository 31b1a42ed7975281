import { describeLog } from "./log.contract.ts";
import { makeKafkaLogWorld } from "./log-kafka-world.ts";
import { makeSimLogWorld } from "./log-sim-world.ts";

// What a world of the simulation is like is drawn from its seed.
for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  describeLog(`that is simulated, of seed ${seed}`, (partitionCount) =>
    Promise.resolve(makeSimLogWorld(seed, partitionCount)),
  );
}

describeLog("in Kafka", makeKafkaLogWorld);
