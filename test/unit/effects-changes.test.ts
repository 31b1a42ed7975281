/** What a commit tells those who follow orders and products: every order that is another one now, also where its own command did not do it. */
import { pino } from "pino";
import { expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { decideGroup } from "../../src/processors/decide-group.ts";
import { Effects } from "../../src/processors/effects.ts";
import { chunkOf } from "../../src/processors/intake.ts";
import { Lease } from "../../src/processors/lease.ts";
import type { Command } from "../../src/schemas/commands.ts";
import type { DecisionMessage } from "../../src/schemas/decision-feed.ts";
import { decisionText } from "../../src/stores/redis/decision-feed.ts";
import { nothingNoted } from "../../src/stores/effects-cache.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import { cancelOrder, placeOrder, receiveStock, uuidOf } from "../support/commands.ts";

const nothing = { stock: new Map(), parked: new Set<string>(), lines: new Map(), stockAtVersion: new Map() };

/** The message of a group of these commands, and then that of the same, read back from the ledger. */
async function messagesOf(commands: readonly Command[]): Promise<DecisionMessage[]> {
  const store = createMemoryLedgerStore();
  const [claim] = await store.claim([0], "me");
  if (claim === undefined) throw new Error("it was not claimed");
  const lease = new Lease(claim, limits.leaseProductsMax);
  const messages: DecisionMessage[] = [];
  const effects = new Effects(
    {
      store,
      cache: {
        apply: () => Promise.resolve({ fenced: [], now: nothingNoted }),
        publish: (message) => Promise.resolve(void messages.push(message)),
      },
      partitionCount: () => 1,
      sleep: () => Promise.resolve(),
      log: pino({ level: "silent" }),
      metrics: createMetrics({ defaults: false }),
      limits,
    },
    () => undefined,
  );
  const entries = commands.map((command, offset) => ({ command, partition: 0, offset }));
  const known = { base: () => undefined, found: nothing, waiting: new Map(), encode: () => Buffer.alloc(0) };
  const group = decideGroup(entries, known);
  const advance = { partition: 0, epoch: lease.epoch, from: 0, to: entries.length, effectsOffset: 0, last: null };
  const receipt = await store.commit({ ...group.write, advances: [advance] });
  lease.committed = entries.length;
  const intake = { from: 0, to: entries.length, bytes: 1, entries, unlearned: [], last: null };
  effects.decided(group, [chunkOf(lease, intake)], receipt, effects.moment());
  await effects.idle();
  lease.effects.done = 0;
  effects.behind(lease);
  await effects.idle();
  return messages;
}

it("tells stock at its last version, and orders that a cancel changed, at once and when it is read back", async () => {
  const [placed, cancelled, early, refused] = [1, 2, 3, 4].map(uuidOf);
  const messages = await messagesOf([
    receiveStock({ commandId: uuidOf(10), quantity: 10 }),
    placeOrder({ commandId: placed ?? "", quantity: 2 }),
    placeOrder({ commandId: cancelled ?? "", quantity: 3 }),
    cancelOrder({ commandId: uuidOf(11), orderId: cancelled ?? "" }),
    cancelOrder({ commandId: uuidOf(12), orderId: early ?? "" }),
    placeOrder({ commandId: refused ?? "", quantity: 100 }),
  ]);
  expect(messages).toHaveLength(2);
  for (const message of messages) {
    expect(message.changes.stock).toEqual([["p1", 8, 4]]);
    // The newest revision of each order is told, by its own command or beside it.
    const told = new Map(message.decisions.map((notice) => [notice[0], notice[8]]));
    for (const [orderId, revision] of message.changes.orders)
      told.set(orderId, Math.max(revision, told.get(orderId) ?? 0));
    expect([placed, cancelled, early, refused].map((id) => told.get(id ?? ""))).toEqual([1, 2, 1, 1]);
  }
  for (const message of messages) {
    const { decidedUpTo, decidedAt, decisions, changes } = message;
    const lines = decisionText(message).split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([decidedUpTo, { decidedAt, decisions }, changes]);
  }
});
