/** A grocery that lives: filled, ordered from, packed, driven out and filled again, all by way of the public API. */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../../src/client.ts";
import { Failure } from "../failure.ts";
import { createAsk } from "./calls.ts";
import type { Ask } from "./calls.ts";
import { type DemoProduct, groceryCatalogue } from "./catalogue.ts";
import { runCustomers } from "./customers.ts";
import { createDrivers } from "./drivers.ts";
import { createRandomness } from "./randomness.ts";
import { restoreAll, runSeasons } from "./seasons.ts";
import { createShopFloor } from "./shop-floor.ts";
import { createTally, statusLine } from "./tally.ts";

export type DemoOptions = {
  readonly url: string;
  readonly customers: number;
  readonly drivers: number;
  readonly products: number;
  readonly seed: number;
  /** How much faster than a clock all goes. */
  readonly pace: number;
};

const statusMs = 10_000;

/** Until the signal is aborted. `say` gets a line for people. */
export async function runDemo(options: DemoOptions, signal: AbortSignal, say: (line: string) => void): Promise<void> {
  const { url, seed, pace } = options;
  const ask = createAsk(url, signal);
  // Each has chances of its own, so that one does not change another's.
  const random = (offset: number) => createRandomness(seed + offset);
  const products = groceryCatalogue({ seed, products: options.products, url });
  say(await importCatalogue(ask, random(1).shuffled(products)));
  await restoreAll(ask, products);
  const tally = createTally();
  const drivers = createDrivers({ ask, random: random(2), count: options.drivers, pace, signal });
  const left = await drivers.begin();
  const floor = createShopFloor({ ask, drivers, random: random(3), tally, pace, signal });
  say(`The shop is open: ${new URL("/shop", url).href}`);

  const tell = async (): Promise<void> => {
    for (;;) {
      await sleep(statusMs, undefined, { signal });
      say(statusLine(tally));
    }
  };
  const isCrowded = (): boolean => floor.waiting() > options.drivers;
  const client = createClient({ url });
  const crowd = { ask, client, random: random(4), products, count: options.customers, pace, tally, isCrowded, signal };
  try {
    await Promise.all([
      drivers.run(),
      floor.run(left),
      runCustomers(crowd),
      runSeasons({ ask, random: random(5), products, pace, signal }),
      tell(),
    ]);
  } finally {
    say(statusLine(tally));
  }
}

/** An upsert: what is there already, stays as it is. */
async function importCatalogue(ask: Ask, products: readonly DemoProduct[]): Promise<string> {
  const body = products.map((product) => JSON.stringify(product)).join("\n");
  const answer = await ask("POST", "/catalogue", { body, type: "application/x-ndjson" });
  const lines = (answer.body.lines ?? [answer.body]) as { status: string; code?: string }[];
  const failed = lines.filter(({ status }) => status === "failed");
  if (answer.status !== 200 || failed.length > 0)
    throw new Failure(
      `The products could not be imported: ${answer.status} ${JSON.stringify(failed[0] ?? answer.body)}`,
    );
  const created = lines.filter(({ status }) => status === "created").length;
  const categories = new Set(products.map(({ category }) => category)).size;
  return `${products.length} products in ${categories} categories, ${created} of them new.`;
}
