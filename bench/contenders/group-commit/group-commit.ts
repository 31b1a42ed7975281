// Peer (b): Fastify with a group commit of its own straight into PostgreSQL, the best that one does without a log.
import path from "node:path";
import type { Contender } from "../contender.ts";
import { startOrdersPeer } from "../orders-peer.ts";
import { createPlaceOrders } from "./place-orders.ts";

export const groupCommit: Contender = {
  key: "b",
  title: "(b) own group commit, no log",
  onlyWithAll: false,
  start: (bench) =>
    startOrdersPeer(bench, {
      name: "group-commit",
      script: path.join(import.meta.dirname, "server.ts"),
      environment: {},
      statements: createPlaceOrders,
      takesBatches: true,
    }),
};
