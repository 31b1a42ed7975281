// Peer (a): Fastify and one conditional statement for each order, the plainest thing that is right.
import path from "node:path";
import type { Contender } from "../contender.ts";
import { startOrdersPeer } from "../orders-peer.ts";

/** Of a pool. Measured with 64 and 256 callers: with fewer the server waits, and with more they wait for each other. */
const connections = 20;

export const oneStatement: Contender = {
  key: "a",
  title: "(a) one statement an order",
  onlyWithAll: false,
  start: (bench) =>
    startOrdersPeer(bench, {
      name: "one-statement",
      script: path.join(import.meta.dirname, "server.ts"),
      environment: { CONNECTIONS: String(connections) },
      takesBatches: false,
    }),
};
