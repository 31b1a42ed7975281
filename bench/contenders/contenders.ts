/** All who can take part, in the order of the tables. */
import { kafkaStreams } from "../peers/kafka-streams/kafka-streams.ts";
import { restate } from "../peers/restate/restate.ts";
import type { Contender } from "./contender.ts";
import { groupCommit } from "./group-commit/group-commit.ts";
import { httpAlone } from "./http-alone/http-alone.ts";
import { oneStatement } from "./one-statement/one-statement.ts";
import { seed } from "./seed/seed.ts";
import { tallyman } from "./tallyman/tallyman.ts";

export const contenders: readonly Contender[] = [
  tallyman,
  oneStatement,
  groupCommit,
  seed,
  httpAlone,
  kafkaStreams,
  restate,
];
