/** All who can take part, in the order of the tables. */
import { kafkaStreams } from "../peers/kafka-streams/kafka-streams.ts";
import type { Contender } from "./contender.ts";
import { oneStatement } from "./one-statement/one-statement.ts";

export const contenders: readonly Contender[] = [oneStatement, kafkaStreams];
