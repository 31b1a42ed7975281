/** The customers: each orders something now and then, by `tallyman/client`, and a few think better of it. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../src/client.ts";
import type { Ask } from "./calls.ts";
import type { DemoProduct } from "./catalogue.ts";
import type { Randomness } from "./randomness.ts";
import type { Tally } from "./tally.ts";
import { town } from "./town.ts";

export type CustomersOptions = {
  readonly ask: Ask;
  readonly client: Client;
  readonly random: Randomness;
  readonly products: readonly DemoProduct[];
  readonly count: number;
  readonly pace: number;
  readonly tally: Tally;
  /** So much is to be done in the shop that nobody would come in. */
  readonly isCrowded: () => boolean;
  readonly signal: AbortSignal;
};

/** Mean time between two orders of a customer. */
const betweenMs = 60_000;
const cancelChance = 0.04;
/** How much more the first products are liked than the last. */
const skew = 3;

/** Until the demo ends. */
export async function runCustomers(options: CustomersOptions): Promise<void> {
  const { random, count } = options;
  const liked = random.shuffled(options.products);
  await Promise.all(
    Array.from({ length: count }, (_, index) => customer(options, liked, `demo-customer-${index + 1}`)),
  );
}

async function customer(options: CustomersOptions, liked: readonly DemoProduct[], customerId: string): Promise<void> {
  const { ask, client, random, pace, tally, isCrowded, signal } = options;
  const pause = (ms: number) => sleep(ms / pace, undefined, { signal });
  // Not all at once when the doors open.
  await pause(random.between(0, betweenMs));
  for (;;) {
    const product = liked[Math.floor(liked.length * random.between(0, 1) ** skew)] ?? random.pick(liked);
    if (!isCrowded()) {
      const orderId = randomUUID();
      const { latitude, longitude, address } = random.pick(town.places);
      const order = { orderId, productId: product.id, quantity: random.integer(1, 3), customerId };
      const result = await client.place(
        { ...order, deliveryLocation: { latitude, longitude, address } },
        { waitSeconds: 10, signal },
      );
      tally.orders += 1;
      if (result.status === "rejected") tally.refused += 1;
      if (result.status === "accepted" && random.chance(cancelChance)) {
        await pause(random.between(500, 2_000));
        if ((await ask("POST", `/orders/${orderId}/cancel`, { body: {} })).status === 200) tally.cancelled += 1;
      }
    }
    await pause(betweenMs * random.between(0.4, 1.6));
  }
}
