import type { Bench } from "../support/bench.ts";
import type { Contender } from "./contender.ts";
import { sendOrders } from "./load.ts";
import type { Figures } from "./verdict.ts";

export type Race = {
  readonly units: number;
  readonly orders: number;
  readonly clients: number;
  /** Orders for another product, of which there are enough, before those that count. */
  readonly "warm-up": number;
};

/** Sends one shop all orders of a race and resolves to what became of them, when nothing moves any more. */
export async function runOrders(contender: Contender, race: Race, { signal }: Bench): Promise<Figures> {
  const { url, headers } = contender;
  const send = (productId: string, orders: number) =>
    sendOrders({ url, headers, productId, orders, clients: race.clients }, signal);

  await contender.addProduct("warm-up", race["warm-up"]);
  await contender.untilDecided(await send("warm-up", race["warm-up"]));
  await contender.untilAtRest();

  await contender.addProduct("raced", race.units);
  const startedAt = performance.now();
  const answers = await send("raced", race.orders);
  await contender.untilDecided(answers);
  const tookMs = performance.now() - startedAt;
  await contender.untilAtRest();

  const books = await contender.readBooks("raced", answers);
  return {
    stocked: race.units,
    sent: race.orders,
    ordersPerSecond: ((books.accepted + books.refused) / tookMs) * 1000,
    ...books,
  };
}
