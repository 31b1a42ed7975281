import { expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { createOrderFinder } from "../../src/api/order-finder.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import type { StoredLine } from "../../src/schemas/lines.ts";
import { issuedAt, orderLine } from "../support/commands.ts";
import { simCodec } from "../simulation/sim-log.ts";

test("an order that is decided between the look for its line and the look for what waits is not called unknown", async () => {
  const line: StoredLine = { ...orderLine(), decidedAt: issuedAt };
  let resumed = false;
  const finder = createOrderFinder({
    cache: { readOrder: () => Promise.resolve(null) },
    orders: { lines: (ids) => Promise.resolve(ids.map(() => (resumed ? line : null))) },
    letters: {
      undecided: (ids) => {
        resumed = true; // Just before: its product has gone on, and it does not wait any more.
        return Promise.resolve(ids.map(() => null));
      },
    },
    codec: simCodec,
    proveAbsence: () => Promise.resolve(true),
    metrics: createMetrics({ defaults: false }),
    clock: { ...systemClock, now: () => issuedAt },
  });
  expect(await finder.find(line.commandId)).toMatchObject({
    kind: "known",
    order: { orderId: line.commandId, status: "accepted" },
  });
});
